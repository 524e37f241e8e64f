"""The formats of providers' keys: each identified by its shape, and checked by its checksum where it has one. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor import __version__
from auditor.facts.secret_placeholders import is_placeholder_key, is_published
from auditor.facts.secret_providers import FORMATS, has_digits
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.secret_providers import Format

_CRITICAL, _HIGH = Severity.CRITICAL, Severity.HIGH
_AWS_LINES, _AWS_CHARS = 5, 1000
_MIN_PEM = 100


@dataclass(frozen=True, slots=True)
class Found:
    """A secret's place in a text: offsets, what it is, and how bad it is to lose."""

    kind: str
    start: int
    end: int
    value: str
    severity: Severity


def _start(hint: str) -> str:
    """A hint as a pattern; one that is a whole prefix stands at the start of a word."""
    return re.escape(hint) if hint.startswith("k_") else rf"(?<![A-Za-z0-9_]){re.escape(hint)}"


# Most prefixes end in a hyphen or an underscore, rare in text: one look at each of them spares most files the rest.
_JOINED = frozenset(hint for known in FORMATS for hint in known.hints if hint.endswith(("_", "-")))
_ANY_JOINED = re.compile(
    rf"[_-](?:{'|'.join(f'(?<={_start(hint)})' for hint in sorted(_JOINED))})(?=[A-Za-z0-9+/_.=-]{{8}})"
)
_OTHERS = tuple(sorted({hint for known in FORMATS for hint in known.hints} - _JOINED))
_REST = ("AKIA", "ASIA", "PRIVATE KEY-----")
_AWS_ID = re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])")
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+=_.-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_-])")
_PEM = re.compile(
    r"-----BEGIN (?P<type>(?:RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY)-----"
    r"(?P<value>[A-Za-z0-9+/=\s\\\"',:]{100,8000}?)-----END",
)


def signature() -> str:
    """Another one with every change of what is looked for."""
    told = "\n".join(f"{known.kind} {known.pattern.pattern}" for known in FORMATS)
    return hashlib.sha256(f"{__version__}\n{told}".encode()).hexdigest()


def may_hold_token(text: str) -> bool:
    """A quick look: whether anything in a text may be the start of a key."""
    return _ANY_JOINED.search(text) is not None or any(hint in text for hint in (*_OTHERS, *_REST))


def find_tokens(text: str) -> Iterator[Found]:
    """Every provider's key in a text; public keys, test values of documentations and placeholders are none."""
    joined = _ANY_JOINED.search(text) is not None
    possible = FORMATS if joined or any(hint in text for hint in _OTHERS) else ()
    for known in possible:
        if any((joined or hint not in _JOINED) and hint in text for hint in known.hints):
            yield from _matches(known, text)
    if "AKIA" in text or "ASIA" in text:
        yield from _aws(text)
    if "PRIVATE KEY-----" in text:
        yield from _private_keys(text)


def _matches(known: Format, text: str) -> Iterator[Found]:
    group = "value" if "value" in known.pattern.groupindex else 0
    for match in known.pattern.finditer(text):
        value = match[group]
        body = re.sub(r"^(?:[a-z]+[_-])+(?=.{16})", "", value)
        if known.check(value) and not is_placeholder_key(body) and not is_published(value):
            yield Found(known.kind, match.start(group), match.end(group), value, known.severity)


def _aws(text: str) -> Iterator[Found]:
    """A key id is no secret; the secret beside it is."""
    seen = set()
    for match in _AWS_ID.finditer(text):
        if "EXAMPLE" in match[0]:
            continue
        first = _lines_away(text, match.start(), -_AWS_LINES)
        last = _lines_away(text, match.end(), _AWS_LINES)
        for secret in _AWS_SECRET.finditer(text, first, last):
            mixed = re.search("[a-z]", secret[0]) and re.search("[A-Z]", secret[0]) and has_digits(secret[0])
            if mixed and secret.start() not in seen and not is_placeholder_key(secret[0]):
                seen.add(secret.start())
                yield Found("AWS secret access key", *secret.span(), secret[0], _CRITICAL)


def _lines_away(text: str, at: int, lines: int) -> int:
    nearest, furthest = max(0, at - _AWS_CHARS), min(len(text), at + _AWS_CHARS)
    for _ in range(abs(lines)):
        at = text.rfind("\n", nearest, at) if lines < 0 else text.find("\n", at + 1, furthest)
        if at < 0:
            return nearest if lines < 0 else furthest
    return at


def _private_keys(text: str) -> Iterator[Found]:
    for match in _PEM.finditer(text):
        body = re.sub(r"\\[nr]|[^A-Za-z0-9+/=]", "", match["value"])
        if len(body) < _MIN_PEM or is_placeholder_key(body) or not _is_key(body, match["type"]):
            continue
        around = text[max(0, match.start() - 1000) : match.start() + 8000]
        account = re.search(r"[\"']type[\"']\s*:\s*[\"']service_account[\"']", around)
        kind = "Google service account key" if account else "private key"
        severity = _HIGH if match["type"].startswith("ENCRYPTED") else _CRITICAL
        yield Found(kind, match.start("value"), match.end("value"), match["value"], severity)


def _is_key(body: str, kind: str) -> bool:
    """What decodes to a DER sequence, or to OpenSSH's magic word."""
    try:
        start = base64.b64decode(body[:96])
    except (binascii.Error, ValueError):
        return False
    return start.startswith(b"openssh-key" if "OPENSSH" in kind else b"\x30")
