"""Manifests whose dependencies no lockfile pins."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from auditor.facts.units import is_example, is_test, is_vendored
from auditor.model import Answer, FileSpan, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

_NPM_LOCKS = {"package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb"}


def ask(repository: Repository, packages: Packages) -> Iterator[Answer]:
    locked = {PurePosixPath(p).parent for p in packages.lockfiles if PurePosixPath(p).name in _NPM_LOCKS}
    workspaces = {folder for folder in locked if _holds_workspaces(folder, repository)}
    for path in repository.files:
        if PurePosixPath(path).name == "package.json" and not (is_vendored(path) or is_test(path) or is_example(path)):
            yield from _about(path, repository, locked, workspaces)


def _about(
    path: str, repository: Repository, locked: set[PurePosixPath], workspaces: set[PurePosixPath]
) -> Iterator[Answer]:
    subject, place = f"manifest {path}", FileSpan(path, 1)
    manifest = _json(repository.text(path))
    if manifest is None:
        yield Answer(subject, State.UNKNOWN, "does not parse as JSON", place)
        return
    if not any(manifest.get(key) for key in ("dependencies", "devDependencies", "optionalDependencies")):
        return
    folder = PurePosixPath(path).parent
    if folder in locked or workspaces & set(folder.parents):
        yield Answer(subject, State.OK, "its dependencies are locked", place)
        return
    detail = "no lockfile beside it, nor above it for a workspace: each install may take other versions"
    yield Answer(subject, State.FAIL, detail, place, evidence="no lockfile")


def _holds_workspaces(folder: PurePosixPath, repository: Repository) -> bool:
    """Whether a lockfile's folder is the root of a workspace, whose members it locks too."""
    names = {PurePosixPath(path) for path in repository.files}
    if names & {folder / "pnpm-workspace.yaml", folder / "lerna.json"}:
        return True
    manifest = _json(repository.text(str(folder / "package.json"))) if folder / "package.json" in names else None
    return bool(manifest and manifest.get("workspaces"))


def _json(text: str | None) -> dict[str, Any] | None:
    try:
        value = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
