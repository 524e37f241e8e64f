"""Keys of known providers, and random-looking values under the name of a secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.secret_files import Spotted, is_prose, is_rehearsal, is_setting, lowered, name_before, rows
from auditor.facts.secret_formats import find_tokens
from auditor.facts.secret_names import find_assigned, find_unquoted
from auditor.facts.secrets import mask
from auditor.facts.settings_files import is_settings_file, signing_settings
from auditor.model import Confidence, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.repository import Repository

_MAX_GENERIC = 1_000_000
_NEAR = 240  # characters before a value that say what it stands in
# What a description of an interface shows as one that might be sent.
_EXAMPLE = re.compile(r"\bexamples?[\"']?\s*[:=]\s*(?:[\w.]*\()?\s*[{\[]?[^{}\[\]]*\Z")
PER_FILE = True


def ask(repository: Repository) -> Iterator[Answer]:
    return rows(repository, _look, "holds no provider's key")


def _look(path: str, text: str) -> Iterator[Spotted]:
    known = list(find_tokens(text))
    for token in known:
        name = name_before(text, token.start)
        detail = f"{token.kind}{f' in {name}' if name else ''}: {_shown(token.value)}"
        yield Spotted(token.start, token.kind, detail, lowered(token.severity, path), None, name)
    if is_rehearsal(path) or is_prose(path) or len(text) > _MAX_GENERIC:
        return
    taken = bytearray(len(text))
    for token in known:
        taken[token.start : token.end] = b"\1" * (token.end - token.start)
    for setting in signing_settings(text) if is_settings_file(path) else ():  # a rule of its own asks about these
        taken[setting.start : setting.end] = b"\1" * (setting.end - setting.start)
    for assigned in (*find_assigned(text), *(find_unquoted(text) if is_setting(path) else ())):
        shown = _EXAMPLE.search(text, max(0, assigned.start - _NEAR), assigned.start) is not None
        if not shown and not any(taken[assigned.start : assigned.end]):
            taken[assigned.start : assigned.end] = b"\1" * (assigned.end - assigned.start)
            detail = f"{assigned.name} is a literal that looks random: {mask(assigned.value)}"
            yield Spotted(assigned.start, "random value", detail, Severity.MEDIUM, Confidence.SUSPECTED, assigned.name)


def _shown(value: str) -> str:
    return "(value not shown)" if "\n" in value or "\\n" in value else mask(value)
