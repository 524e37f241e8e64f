"""Signatures that are worked out over a body which was parsed and written anew."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.verified_webhooks import ask_verified
from auditor.model import Answer, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.facts.symbols import Site
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_PARSED = r"(?:await\s+)?(?:\w+\.)*(?:body|payload|event|data|json|parsed|request_?data)\b"
_ANEW = rf"(?:JSON\.stringify|json\.dumps)\s*\(\s*{_PARSED}"
_SIGNED = re.compile(
    rf"\.update\(\s*(?:[\"'`][^\"'`]*[\"'`]\s*\+\s*)?(?:`[^`]*\$\{{\s*)?{_ANEW}"
    rf"|(?:constructEvent(?:Async)?|\.verify|verify\w*|validate\w*|timingSafeEqual|hmac\.new|createHmac)\([^;\n]{{0,160}}?{_ANEW}"
    rf"|hmac\.new\([^)]{{0,120}}?{_ANEW}",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"\b(?:const|let|var)?\s*(\w+)\s*=\s*{_ANEW}", re.IGNORECASE)
_MACS = re.compile(r"(?:\.update|constructEvent(?:Async)?|\.verify|verify\w*|hmac\.new)\(([^;]{0,200})")


def ask(_: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    yield from ask_verified(code, inventory, _answer)


def _answer(inventory: Inventory, endpoint: Endpoint, bodies: list[Site]) -> Answer:
    if not any(inventory.reacher.says(body, _anew) for body in bodies):
        return Answer(endpoint.subject, State.OK, "the signature is not over a body written anew", endpoint.where)
    detail = "the signature is checked over the parsed body written anew, and not over the bytes that were signed"
    return Answer(
        endpoint.subject, State.FAIL, detail, endpoint.where, severity=Severity.MEDIUM, evidence="re-serialised"
    )


def _anew(text: str) -> bool:
    """Whether what goes into the check is a parsed body made into text again."""
    if _SIGNED.search(text):
        return True
    names = {match[1] for match in _NAMED.finditer(text)}
    return any(re.search(rf"\b{re.escape(name)}\b", match[1]) for name in names for match in _MACS.finditer(text))
