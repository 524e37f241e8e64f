"""The repository: which files there are, by git's rules or by a walk that honours .gitignore, and their text.

Untrusted: links are not followed, only regular files below the root are opened, and never a FIFO or a device.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.facts.units import find_units, is_vendored
from auditor.sources.git import GitError, git_top, head_commit, listed_files, paths_on_default_branch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.facts.units import UnitFacts

MAX_BYTES = 10_000_000
_MANIFESTS = {
    "package.json",
    "pyproject.toml",
    "requirements.txt",
    "config.toml",
    "schema.prisma",
    "deno.json",
}


@dataclass(slots=True)
class Repository:
    """Files of the scanned folder, relative paths with forward slashes, sorted.

    `skipped` maps what was left out to the reason. `applied` are the files that the default branch already has,
    None when git does not say.
    """

    root: Path
    files: tuple[str, ...]
    skipped: dict[str, str]
    commit: str | None
    applied: frozenset[str] | None
    listed_by: str
    git_prefix: str = ""
    units: tuple[UnitFacts, ...] = ()
    _texts: dict[str, str | None] = field(default_factory=dict)

    def text(self, path: str) -> str | None:
        """The file's text, or None (and a line in `skipped`) when it cannot be read as UTF-8 text."""
        if path not in self._texts:
            self._texts[path] = self._read(path)
        return self._texts[path]

    def _read(self, path: str) -> str | None:
        try:
            handle = os.open(self.root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self.skipped[path] = f"cannot be read: {error.strerror}"
            return None
        with os.fdopen(handle, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            self.skipped[path] = f"not valid UTF-8 at byte {error.start}"
            return None


def read_repository(root: Path, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> Repository:
    """List the files below `root`, an existing folder."""
    root = root.resolve()
    top = git_top(root)
    listed_by = "git"
    try:
        paths = listed_files(top, root) if top else _walk(root)
        listed_by = "git" if top else "walk"
    except GitError as error:
        top, paths, listed_by = None, _walk(root), f"walk ({error})"
    skipped: dict[str, str] = {}
    kept = tuple(path for path in _chosen(paths, include, exclude) if _regular(root, path, skipped))
    repository = Repository(
        root=root,
        files=kept,
        skipped=skipped,
        commit=head_commit(top) if top else None,
        applied=paths_on_default_branch(top, root) if top else None,
        listed_by=listed_by,
        git_prefix=root.relative_to(top).as_posix() + "/" if top and top != root else "",
    )
    manifests = {
        path: repository.text(path) or "" for path in kept if Path(path).name in _MANIFESTS and not is_vendored(path)
    }
    repository.units = find_units(kept, manifests)
    return repository


def _chosen(paths: Iterable[str], include: Iterable[str], exclude: Iterable[str]) -> list[str]:
    import pathspec

    wanted = pathspec.PathSpec.from_lines("gitwildmatch", include) if include else None
    unwanted = pathspec.PathSpec.from_lines("gitwildmatch", exclude)
    return [
        path for path in sorted(paths) if (wanted is None or wanted.match_file(path)) and not unwanted.match_file(path)
    ]


def _regular(root: Path, path: str, skipped: dict[str, str]) -> bool:
    """Whether `path` is a regular file of sane size that really lies below the root."""
    reason = _refusal(root, path)
    if reason:
        skipped[path] = reason
    return not reason


def _refusal(root: Path, path: str) -> str:
    place = root / path
    try:
        status = place.lstat()
    except OSError as error:
        return "" if error.errno == 2 and not os.path.lexists(place) else f"cannot be read: {error.strerror}"  # noqa: PLR2004
    if stat.S_ISLNK(status.st_mode):
        return "symbolic link"
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    if Path(os.path.realpath(place)) != place:
        return "reached through a symbolic link"
    if status.st_size > MAX_BYTES:
        return f"larger than {MAX_BYTES // 1_000_000} MB"
    return ""


def _walk(root: Path) -> list[str]:
    """All files below a folder that is no git work tree, less what its .gitignore files name."""
    import pathspec

    found: list[str] = []
    rules: dict[str, Any] = {}
    for folder, folders, files in os.walk(root):
        base = Path(folder).relative_to(root).as_posix()
        base = "" if base == "." else base + "/"
        if ".gitignore" in files and not (Path(folder) / ".gitignore").is_symlink():
            lines = (Path(folder) / ".gitignore").read_text("utf-8", "replace").splitlines()
            rules[base] = pathspec.PathSpec.from_lines("gitwildmatch", lines)
        folders[:] = sorted(
            name
            for name in folders
            if name not in {".git", "node_modules", ".venv"} and not _ignored(f"{base}{name}/", rules)
        )
        found += [f"{base}{name}" for name in sorted(files) if not _ignored(base + name, rules)]
    return found


def _ignored(path: str, rules: dict[str, Any]) -> bool:
    return any(path.startswith(base) and spec.match_file(path[len(base) :]) for base, spec in rules.items())
