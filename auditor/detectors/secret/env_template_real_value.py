"""Templates of env files that hand every developer the same secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.secret_files import Spotted, is_env_template, rows
from auditor.facts.secret_formats import find_tokens
from auditor.facts.secret_names import find_lines, is_secret_name, looks_random
from auditor.model import Confidence, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.repository import Repository

# Encrypted files are named like templates and are none; a schema describes values.
_NONE = re.compile(r"vault|enc\b|encrypted|sops|schema", re.IGNORECASE)
_SIGNS = re.compile(r"SECRET|SIGNING|ENCRYPTION|SALT|JWT|COOKIE|SESSION|PRIVATE", re.IGNORECASE)


def ask(repository: Repository) -> Iterator[Answer]:
    return rows(repository, _look, "holds placeholders only", _is_candidate)


def _is_candidate(path: str) -> bool:
    return is_env_template(path) and not _NONE.search(path.rsplit("/", 1)[-1])


def _look(_: str, text: str) -> Iterator[Spotted]:
    """Values that a provider's format tells are another rule's."""
    known = {token.start for token in find_tokens(text)}
    for line in find_lines(text):
        if line.start in known or not is_secret_name(line.name) or not looks_random(line.value):
            continue
        signs = _SIGNS.search(line.name) is not None
        does = "everybody who copies it signs or encrypts with" if signs else "reads like a real value of"
        severity = Severity.MEDIUM if signs else Severity.LOW
        yield Spotted(
            line.start, "template value", f"{does} this {line.name}", severity, Confidence.INFERRED, line.name
        )
