"""Secrets that sign or encrypt, in settings files that the repository holds."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.secret_files import Spotted, rows
from auditor.facts.settings_files import is_settings_file, is_written_down, read_settings, signing_settings
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.repository import Repository

_DEVELOPMENT = re.compile(r"(?:^|[.-])(?:dev|devel|development|local)(?:[.-]|$)", re.IGNORECASE)
_FROM_ENVIRONMENT = "custom-environment-variables.json"


def ask(repository: Repository) -> Iterator[Answer]:
    def asked(path: str) -> bool:
        return is_settings_file(path) and any(signing_settings(repository.text(path) or ""))

    def look(path: str, text: str) -> Iterator[Spotted]:
        return _look(path, text, _overridden(repository, path))

    return rows(repository, look, "its signing secrets come from elsewhere", asked)


def _overridden(repository: Repository, path: str) -> set[tuple[str, ...]]:
    """The settings that an environment variable takes the place of, where one is set."""
    beside = PurePosixPath(path).with_name(_FROM_ENVIRONMENT).as_posix()
    text = repository.text(beside) if beside in repository.files else None
    return {setting.path for setting in read_settings(text or "")}


def _look(path: str, text: str, overridden: set[tuple[str, ...]]) -> Iterator[Spotted]:
    for setting in signing_settings(text):
        if not is_written_down(setting):
            continue
        name = ".".join(setting.path)
        detail = f"{name} is a literal of {len(setting.value)} characters: who has read it can sign or decrypt at will"
        severity = None
        if _DEVELOPMENT.search(PurePosixPath(path).stem):
            severity, detail = Severity.LOW, f"{detail}; others than developers must not load these settings"
        elif setting.path in overridden:
            severity, detail = Severity.MEDIUM, f"{detail}; it is used wherever no environment variable is set"
        yield Spotted(setting.start, "signing secret", detail, severity or Severity.HIGH, None, name)
