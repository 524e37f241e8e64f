"""Manifests whose dependencies no lockfile pins."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from auditor.facts.lock_graph import NPM
from auditor.facts.lockfiles import ecosystem_of
from auditor.facts.units import is_example, is_test, is_vendored
from auditor.model import Answer, FileSpan, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

NPM_LOCKS = {"package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb"}
_TABLES = ("dependencies", "devDependencies", "optionalDependencies")


def ask(repository: Repository, packages: Packages) -> Iterator[Answer]:
    for path in repository.files:
        if PurePosixPath(path).name == "package.json" and not (is_vendored(path) or is_test(path) or is_example(path)):
            yield from _about(path, repository, packages)


def _about(path: str, repository: Repository, packages: Packages) -> Iterator[Answer]:
    subject, place = f"manifest {path}", FileSpan(path, 1)
    manifest = _json(repository.text(path))
    if manifest is None:
        yield Answer(subject, State.UNKNOWN, "does not parse as JSON", place)
    elif not any(manifest.get(key) for key in _TABLES):
        return
    elif is_locked(path, repository, packages):
        yield Answer(subject, State.OK, "its dependencies are locked", place)
    else:
        detail = "no lockfile beside it, nor above it for a workspace: each install may take other versions"
        yield Answer(subject, State.FAIL, detail, place, evidence="no lockfile")


def is_locked(path: str, repository: Repository, packages: Packages) -> bool:
    """Whether a lockfile lies beside a manifest, or above it at the root of its workspace."""
    folder = PurePosixPath(path).parent
    if ecosystem_of(path) == NPM and PurePosixPath(path).suffix == ".json":
        locked = {PurePosixPath(p).parent for p in packages.lockfiles if PurePosixPath(p).name in NPM_LOCKS}
        return folder in locked or any(_holds_workspaces(f, repository) for f in locked & set(folder.parents))
    locked = {PurePosixPath(p).parent for p in packages.lockfiles if ecosystem_of(p) != NPM}
    return bool(locked & {folder, *folder.parents})


def _holds_workspaces(folder: PurePosixPath, repository: Repository) -> bool:
    """Whether a lockfile's folder is the root of a workspace, whose members it locks too."""
    names = set(repository.files)
    if names & {str(folder / "pnpm-workspace.yaml"), str(folder / "lerna.json")}:
        return True
    root = str(folder / "package.json")
    manifest = _json(repository.text(root)) if root in names else None
    return bool(manifest and manifest.get("workspaces"))


def _json(text: str | None) -> dict[str, Any] | None:
    try:
        value = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
