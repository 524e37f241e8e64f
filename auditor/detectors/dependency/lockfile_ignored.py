"""Lockfiles that git is told to leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.audited import line_answer
from auditor.detectors.dependency.lockfile_missing import NPM_LOCKS, is_locked
from auditor.facts.lock_graph import NPM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.lock_manifests import Manifest
    from auditor.model import Answer
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

_PYTHON_LOCKS = ("poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock", "pylock.toml")

_MAX_LINES = 5000
_MAX_STARS = 4  # matching many of them takes endless time, and no line about a lockfile has so many


def ask(repository: Repository, packages: Packages) -> Iterator[Answer]:
    ignores = {
        path: repository.text(path) or "" for path in repository.files if path.rsplit("/", 1)[-1] == ".gitignore"
    }
    for manifest in packages.manifests:
        if not manifest.wanted or not ignores:
            continue
        path, line, name = _ignoring(manifest, ignores)
        lost = bool(name) and not is_locked(manifest.path, repository, packages)
        fault = (
            f"{name} of {manifest.path} is left out of git, and no other lockfile pins its dependencies" if lost else ""
        )
        place = (path, line) if lost else (manifest.path, 1)
        yield line_answer(f"manifest {manifest.path}", *place, fault, evidence=f"ignores {name}" if lost else "")


def _ignoring(manifest: Manifest, ignores: dict[str, str]) -> tuple[str, int, str]:
    """The line that leaves a lockfile of this manifest out: its file, its number, the lockfile's name."""
    from pathspec import GitIgnoreSpec

    folder = f"{manifest.folder}/" if manifest.folder else ""
    for path, text in ignores.items():
        above = path.removesuffix(".gitignore")
        if not folder.startswith(above):
            continue
        lines = [line if line.count("*") <= _MAX_STARS else "" for line in text.splitlines()[:_MAX_LINES]]
        whole = GitIgnoreSpec.from_lines(lines)
        for name in sorted(NPM_LOCKS) if manifest.ecosystem == NPM else _PYTHON_LOCKS:
            inner = (folder + name).removeprefix(above)
            if whole.match_file(inner):
                found = (n for n, line in enumerate(lines, 1) if GitIgnoreSpec.from_lines([line]).match_file(inner))
                return path, next(found, 1), name
    return "", 0, ""
