"""Tokens that never end, or whose algorithm their bearer may choose."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.facts.sites import arguments
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"(?i)jwt|jsonwebtoken|jose")
_SIGN = re.compile(r"^(?:jsonwebtoken|jwt|hono/jwt|jwt-simple)\.(?:sign|encode)$|^(?:jose\.jwt|jose\.jws)\.encode$")
_JOSE = re.compile(r"SignJWT\(\)(?:\.\w+\(\))*\.sign$")
_VERIFY = re.compile(r"^(?:jsonwebtoken|jwt|jose\.jwt|pyjwt)\.(?:verify|decode)$")
_ALGORITHM = re.compile(
    r"\balgorithms[\"']?\s*[=:]\s*\[\s*\(?\w*(?:[hH]eader\w*|decoded|unverified\w*|token\w*)(?:[?!]?\.\w+|\(\w*\))*(?:[?!]?\.alg\b|\[[\"']alg[\"']\]|\.get\([\"']alg[\"'])"
)
_PUBLIC = re.compile(r"(?i)public|cert\b|\.pem|\.pub\b|jwks|certificate")
_SYMMETRIC, _ASYMMETRIC = re.compile(r"^HS"), re.compile(r"^(?:RS|ES|PS|Ed)")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "token", (_WORDS,), _judge, Severity.LOW)


def _judge(event: Event, text: str) -> Judged | None:
    del text
    if event.kind != "call":
        return None
    if _JOSE.search(event.name):
        ends = "setExpirationTime" in text_of(event.node) or "exp" in text_of(event.node)
        return Judged("it ends") if ends else Judged("the token never ends", "no-expiry")
    if _SIGN.match(event.name) and len(event.args) > 1:
        return _signed(event)
    if _chosen_by_bearer(event):
        detail = "the algorithm is read out of the token itself: who wrote it chooses how it is verified"
        return Judged(detail, "algorithm-of-token", Severity.HIGH)
    return _verified(event) if _VERIFY.match(event.name) and len(event.args) > 1 else None


def _chosen_by_bearer(event: Event) -> bool:
    """`algorithms: [header.alg]`, of whatever verifies."""
    given = event.named.keys() | {key for arg in event.args for key in arg.keys or ()}
    return "algorithms" in given and _ALGORITHM.search(text_of(event.node)) is not None


def _signed(event: Event) -> Judged:
    payload, options = event.args[0], event.args[2].keys if len(event.args) > 2 else {}  # noqa: PLR2004 - so many arguments or parts
    known = payload.keys is not None and "*" not in payload.keys and not payload.taint
    if not known or options is None or "*" in options:
        return Judged("what it holds comes from elsewhere")
    if "exp" in (payload.keys or {}) or "expiresIn" in options:
        return Judged("it ends")
    return Judged("the token never ends: a stolen one is good for ever", "no-expiry")


def _verified(event: Event) -> Judged:
    options = (event.args[2].keys if len(event.args) > 2 else None) or {}  # noqa: PLR2004 - so many arguments or parts
    given = options.get("algorithms") or event.named.get("algorithms")
    names = [str(one.const) for one in (given.items or [])] if given is not None else []
    if any(map(_SYMMETRIC.match, names)) and any(map(_ASYMMETRIC.match, names)):
        return Judged(
            "a shared secret and a public key are both accepted: the public key can sign",
            "mixed-algorithms",
            Severity.MEDIUM,
        )
    key = text_of(arguments(event.node)[1]) if len(arguments(event.node)) > 1 else ""
    if given is None and not options.get("*") and _PUBLIC.search(key) and len(event.args) < 4:  # noqa: PLR2004 - so many arguments or parts
        return Judged(
            "no algorithm is named although the key is public: the bearer may sign with it",
            "no-algorithm",
            Severity.MEDIUM,
        )
    return Judged("verified")
