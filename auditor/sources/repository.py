"""The repository: which files there are, by git's rules or by a walk that honours .gitignore, and their text.

Untrusted: links are not followed, only regular files below the root are opened, and never a FIFO or a device.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from auditor.facts.units import UnitFacts, find_units, is_vendored
from auditor.sources.git import listed_files, paths_on_default_branch, tracked_files
from auditor.sources.git_folder import GitError, git_top, private_git
from auditor.sources.globs import chosen_spec
from auditor.sources.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BYTES = 10_000_000
MANIFESTS = {
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
    None when git does not say. `tracked` are those that git tracks, None without git. `excluded` counts what --include,
    --exclude or the settings left out, `missing` what git tracks and the folder does not have. `touched` are the paths
    whose text was asked for, `stamp` is a hash of which files there are and of all that is known of them but the texts.
    """

    root: Path
    files: tuple[str, ...]
    skipped: dict[str, str]
    commit: str | None
    applied: frozenset[str] | None
    listed_by: str
    git_prefix: str = ""
    units: tuple[UnitFacts, ...] = ()
    excluded: int = 0
    missing: int = 0
    tracked: frozenset[str] | None = None
    stamp: str = ""
    touched: set[str] = field(default_factory=set)
    _names: dict[str, str] = field(default_factory=dict)
    _texts: dict[str, str | None] = field(default_factory=dict)
    _digests: dict[str, str] = field(default_factory=dict)

    def text(self, path: str) -> str | None:
        """The file's text, or None (and a line in `skipped`) when it cannot be read as UTF-8 text."""
        self.touched.add(path)
        if path not in self._texts:
            self._texts[path] = None if path in self.skipped else self._read(path)
        return self._texts[path]

    def watched(self) -> Repository:
        """The same files and texts, with a note of its own of what was asked for."""
        return replace(self, touched=set())

    def digest(self, path: str) -> str:
        """A hash of one file's text; of the reason, where there is none."""
        text = self.text(path)
        if path not in self._digests:
            shown = self.skipped.get(path, "") if text is None else "=" + text
            self._digests[path] = hashlib.blake2b(shown.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return self._digests[path]

    def described(self) -> dict[str, Any]:
        """All but the texts, as values that JSON knows, for another process."""
        shown = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in {"touched", "_texts", "_digests"}}
        sets = {name: sorted(value) for name, value in shown.items() if isinstance(value, frozenset)}
        return shown | sets | {"root": str(self.root), "units": [asdict(unit) for unit in self.units]}

    def _read(self, path: str) -> str | None:
        place = self.root / self._names.get(path, path)
        try:
            handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self.skipped[path] = f"cannot be read: {error.strerror}"
            return None
        with os.fdopen(handle, "rb") as file:
            data = file.read(min(os.fstat(handle).st_size, MAX_BYTES) + 1)  # room for no more than there is
        try:
            if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # what a Windows shell writes into a file
                return data.decode("utf-16")
            return data.decode("utf-8-sig")  # a byte order mark is no part of any language read here
        except UnicodeDecodeError as error:
            self.skipped[path] = f"not valid UTF-8 at byte {error.start}"
            return None


@dataclass(slots=True)
class _Listing:
    """The raw names of a folder, who listed them, and what git knows besides."""

    names: list[str]
    listed_by: str
    unread: dict[str, str] = field(default_factory=dict)
    top: Path | None = None
    commit: str | None = None
    applied: frozenset[str] | None = None
    tracked: frozenset[str] | None = None


def read_repository(root: Path, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> Repository:
    """List the files below `root`, an existing folder."""
    root = root.resolve()
    listing = _listing(root)
    names = _presentable(listing.names)
    chosen = _chosen(sorted(names), include, exclude)
    skipped = {presentable(path): reason for path, reason in listing.unread.items()}
    kept, missing = _regular(root, chosen, names, skipped)
    repository = Repository(
        root=root,
        files=kept,
        skipped=skipped,
        commit=listing.commit,
        applied=listing.applied,
        listed_by=listing.listed_by,
        git_prefix=presentable(root.relative_to(listing.top).as_posix()) + "/"
        if listing.top and listing.top != root
        else "",
        excluded=len(names) - len(chosen),
        missing=missing,
        tracked=listing.tracked,
        _names={path: name for path, name in names.items() if path != name},
    )
    manifests = {path: repository.text(path) for path in kept if Path(path).name in MANIFESTS and not is_vendored(path)}
    repository.units = find_units(kept, manifests)
    known = {key: value for key, value in repository.described().items() if key not in {"root", "commit"}}
    repository.stamp = hashlib.blake2b(json.dumps(known, sort_keys=True).encode(), digest_size=16).hexdigest()
    return repository


def repository_from(described: dict[str, Any]) -> Repository:
    """The repository that `Repository.described` told of."""
    sets = {name: None if described[name] is None else frozenset(described[name]) for name in ("applied", "tracked")}
    units = tuple(
        UnitFacts(unit["path"], *(tuple(unit[name]) for name in ("stack", "manifests", "unread")))
        for unit in described["units"]
    )
    return Repository(
        **{**described, **sets, "root": Path(described["root"]), "files": tuple(described["files"]), "units": units}
    )


def _listing(root: Path) -> _Listing:
    """By git where it can be asked; else by a walk, and why."""
    try:
        top = git_top(root)
        if top is None:
            return _walked(root, "walk")
        with private_git(top) as folder:
            names = listed_files(folder, root)
            if not names:  # a folder that the repository around it ignores
                return _walked(root, "walk (git lists no file here)")
            applied = paths_on_default_branch(folder, root)
            shown = None if applied is None else frozenset(map(presentable, applied))
            tracked = frozenset(map(presentable, tracked_files(folder, root)))
            return _Listing(names, "git", {}, top, folder.ref("HEAD"), shown, tracked)
    except (GitError, OSError) as error:
        return _walked(root, f"walk ({presentable(str(error))})")


def _walked(root: Path, listed_by: str) -> _Listing:
    names, unread = walk(root)
    return _Listing(names, listed_by, unread)


def presentable(name: str) -> str:
    """A name that every report can carry: bytes that are not UTF-8 are spelt out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _presentable(names: Iterable[str]) -> dict[str, str]:
    """Presentable name to real name; where two would be the same, the one that is really called so keeps it."""
    found: dict[str, str] = {}
    for name in sorted(names, key=lambda name: presentable(name) != name):
        shown = presentable(name)
        while shown in found:
            shown += "'"
        found[shown] = name
    return found


def _chosen(paths: list[str], include: Iterable[str], exclude: Iterable[str]) -> list[str]:
    wanted = chosen_spec(include, "--include") if include else None
    unwanted = chosen_spec(exclude, "--exclude")
    return [path for path in paths if (wanted is None or wanted.match_file(path)) and not unwanted.match_file(path)]


def _regular(
    root: Path, paths: Iterable[str], names: dict[str, str], skipped: dict[str, str]
) -> tuple[tuple[str, ...], int]:
    """The paths that are regular files of sane size really below the root, and how many do not exist."""
    kept, missing = [], 0
    parents: dict[str, bool] = {}
    for path in paths:
        try:
            reason = _refusal(root, names[path], parents)
        except (FileNotFoundError, NotADirectoryError):
            missing += 1
            continue
        except OSError as error:
            reason = f"cannot be read: {error.strerror}"
        if reason:
            skipped[path.rstrip("/") or path] = reason
        else:
            kept.append(path)
    return tuple(kept), missing


def _refusal(root: Path, name: str, parents: dict[str, bool]) -> str:
    """Why a listed name is not read. An index can name any file of the machine, so the name itself is checked too."""
    inner = PurePosixPath(name)
    if inner.is_absolute() or ".." in inner.parts:
        return "outside the scanned folder"
    place = root / inner
    status = place.lstat()
    folder = str(place.parent)
    if folder not in parents:
        parents[folder] = os.path.realpath(folder) == folder
    if not parents[folder]:
        return "reached through a symbolic link"
    if stat.S_ISLNK(status.st_mode):
        return "symbolic link"
    if stat.S_ISDIR(status.st_mode):
        return "a git repository of its own: scan it by itself"
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    return f"larger than {MAX_BYTES // 1_000_000} MB" if status.st_size > MAX_BYTES else ""
