"""Secrets in a text, by format and by context, and how they are blacked out before any report shows them. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from auditor.facts.secret_formats import find_tokens
from auditor.facts.secret_jwts import find_api_keys
from auditor.facts.secret_names import find_assigned, find_lines, is_real_value, is_secret_name, looks_random
from auditor.facts.secret_urls import find_database_urls
from auditor.facts.settings_files import quoted_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.secret_names import Assigned

_ELLIPSIS = "…"
_MIN_SHOWN = 12


def redact(text: str) -> str:
    """The text with every secret in it blacked out but for its first four and last two characters; lines stay."""
    parts, at = [], 0
    for start, end in _merged(sorted(_secret_spans(text))):
        parts += [text[at:start], mask(text[start:end])]
        at = end
    return "".join((*parts, text[at:]))


def mask(value: str) -> str:
    """What may be shown of a secret; nothing of a short one, which could be guessed from its ends."""
    if "\n" in value:  # a private key: as many lines as it had, so that line numbers stay
        return re.sub(r"[^\s]+", _ELLIPSIS, value)
    return f"{value[:4]}{_ELLIPSIS}{value[-2:]}" if len(value) >= _MIN_SHOWN else _ELLIPSIS


def _secret_spans(text: str) -> Iterator[tuple[int, int]]:
    for token in find_tokens(text):
        yield token.start, token.end
    for key in find_api_keys(text):
        if key.role != "anon":
            yield key.start, key.end
    for url in find_database_urls(text):
        yield url.start, url.end
    for assigned in find_assigned(text):
        yield assigned.start, assigned.end
    yield from quoted_secrets(text)
    for line in find_lines(text):
        named = line.name.isupper() and is_real_value(line)
        if named or (is_secret_name(line.name) and looks_random(line.value)):
            yield line.start, line.end


def real_values(text: str) -> Iterator[Assigned]:
    """The lines of an env file whose value somebody would have to rotate."""
    secrets = [token.start for token in find_tokens(text)]
    secrets += [url.start for url in find_database_urls(text) if not url.local]
    secrets += [key.start for key in find_api_keys(text) if key.role != "anon"]
    secrets.sort()
    for line in find_lines(text):
        if is_real_value(line) or bisect_left(secrets, line.start) < bisect_left(secrets, line.end):
            yield line


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Overlapping spans as one."""
    current: tuple[int, int] | None = None
    for start, end in spans:
        if current and start < current[1]:
            current = current[0], max(end, current[1])
            continue
        if current:
            yield current
        current = start, end
    if current:
        yield current
