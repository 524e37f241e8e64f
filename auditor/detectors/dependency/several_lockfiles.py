"""Folders that are locked by more than one package manager."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.detectors.audited import line_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

_MANAGERS = {
    "package-lock.json": ("Node.js", "npm"), "npm-shrinkwrap.json": ("Node.js", "npm"),
    "yarn.lock": ("Node.js", "yarn"),
    "pnpm-lock.yaml": ("Node.js", "pnpm"), "bun.lock": ("Node.js", "bun"), "bun.lockb": ("Node.js", "bun"),
    "poetry.lock": ("Python", "poetry"), "uv.lock": ("Python", "uv"), "pdm.lock": ("Python", "pdm"),
    "Pipfile.lock": ("Python", "pipenv"),
}  # fmt: skip


def ask(_: Repository, packages: Packages) -> Iterator[Answer]:
    folders: dict[tuple[str, str], dict[str, str]] = {}
    for path in packages.lockfiles:
        place = PurePosixPath(path)
        if place.name in _MANAGERS:
            language, manager = _MANAGERS[place.name]
            folders.setdefault((place.parent.as_posix(), language), {}).setdefault(manager, path)
    for (folder, language), managers in sorted(folders.items()):
        several = len(managers) > 1
        fault = f"locked by {' and '.join(sorted(managers))}: what is installed depends on who installs it"
        path = max(managers.values())
        yield line_answer(
            f"folder {folder} ({language})", path, 1, fault if several else "", evidence="several managers"
        )
