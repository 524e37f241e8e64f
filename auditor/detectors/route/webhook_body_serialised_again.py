"""Signatures that are worked out over a body which was parsed and written anew."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.webhooks import receiver, signature
from auditor.model import Answer, Presence, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
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


def ask(repository: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    del repository
    for path, reason in code.unread.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason)
    for endpoint in inventory.endpoints:
        if receiver(inventory, endpoint) and signature(inventory, endpoint).presence is Presence.PRESENT:
            yield _answer(inventory, endpoint)


def _answer(inventory: Inventory, endpoint: Endpoint) -> Answer:
    sites = [site for site in (*endpoint.guards, endpoint.handler) if site is not None]
    bodies = [body for site in sites for body in inventory.reacher.reach(site, 2).bodies]
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
