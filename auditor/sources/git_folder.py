"""A private stand-in for an untrusted `.git` folder, holding only what the questions of this tool need.

The real one has a config that names programs and other files to read, and can lead git out of the tree by alternates,
`commondir`, links, or into a FIFO. git is given a folder of ours instead: its own config, the index, the objects by
links to regular files, and no refs at all (they are read here).

A linked work tree (`git worktree add`) has a file `.git` that names a folder of the repository which it belongs to. It
is followed only where that folder knows this very work tree: only who made the tree can have written that there.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SMALL, _LARGE = 100_000, 100_000_000
_MAX_SYMREFS = 5
_TIPS = ("refs/heads/", "refs/remotes/", "refs/tags/")


class GitError(Exception):
    """git is missing, timed out, or refused; the text is its first line."""


@dataclass(frozen=True, slots=True)
class GitFolder:
    """The work tree `top`, its real `.git`, and the private one that git is given; `common` is where the objects and
    the branches are, the same folder but for a linked work tree.
    """

    top: Path
    real: Path
    common: Path
    private: Path

    @property
    def index(self) -> Path:
        return self.real / "index" if _is_plain(self.real / "index") else self.private / "index"

    def ref(self, name: str) -> str | None:
        """The commit that a ref such as `HEAD` leads to, or None."""
        for _ in range(_MAX_SYMREFS):
            place = self.common if name.startswith("refs/") else self.real
            data = read_plain(place / name, _SMALL)
            text = data.decode("utf-8", "replace").strip() if data else self._packed(name)
            if not text.startswith("ref:"):
                return text if _OID.fullmatch(text) else None
            name = text.removeprefix("ref:").strip()
            if not name.startswith("refs/") or ".." in name or "\0" in name:
                return None
        return None

    def tips(self) -> list[str]:
        """What `HEAD`, the branches and the tags lead to, each once; the order is that of their names."""
        named = {ref: oid for oid, ref in self._packed_refs() if ref.startswith(_TIPS)}
        for kind in _TIPS:
            for folder, _, files in os.walk(self.common / kind) if _is_folder(self.common / kind) else ():
                names = (Path(folder, file).relative_to(self.common).as_posix() for file in files)
                named |= {name: found for name in names if (found := self.ref(name))}
        head = self.ref("HEAD")
        return list(dict.fromkeys(([head] if head else []) + [named[name] for name in sorted(named)]))

    def _packed_refs(self) -> Iterator[tuple[str, str]]:
        for line in (read_plain(self.common / "packed-refs", _LARGE) or b"").splitlines():
            oid, _, ref = line.decode("utf-8", "replace").partition(" ")
            if _OID.fullmatch(oid):
                yield oid, ref

    def _packed(self, name: str) -> str:
        for line in (read_plain(self.common / "packed-refs", _LARGE) or b"").splitlines():
            oid, _, ref = line.partition(b" ")
            if ref == name.encode():
                return oid.decode("ascii", "replace")
        return ""


def git_top(root: Path) -> Path | None:
    """The work tree that holds `root`: the nearest folder up with a `.git`, None without one.

    Raises GitError where it is a link, or a file but that of a linked work tree: that may lead anywhere.
    """
    for folder in (root, *root.parents):
        place = folder / ".git"
        if place.is_symlink():
            raise GitError(".git is a symbolic link that leads elsewhere, which is not followed")
        if place.is_file():
            _linked(folder)
            return folder
        if (place / "HEAD").is_file():
            return folder
    return None


def _linked(top: Path) -> tuple[Path, Path]:
    """The folder of a linked work tree, and the repository's that it lies in. Raises GitError for any other file."""
    named = (read_plain(top / ".git", _SMALL) or b"").decode("utf-8", "replace").strip().removeprefix("gitdir:").strip()
    real = Path(os.path.normpath(top / named))
    back = (read_plain(real / "gitdir", _SMALL) or b"").decode("utf-8", "replace").strip()
    if not named or not back or os.path.normpath(real / back) != str(top / ".git"):
        raise GitError(
            ".git is a file that leads elsewhere, to a folder that does not know this one; it is not followed"
        )
    if real.parent.name != "worktrees" or (read_plain(real / "commondir", _SMALL) or b"").strip() != b"../..":
        raise GitError(".git is a file that leads elsewhere than to a work tree's folder, which is not followed")
    return real, real.parent.parent


@contextmanager
def private_git(top: Path) -> Iterator[GitFolder]:
    """The stand-in for `top/.git`, for as long as git is asked."""
    real = common = top / ".git"
    if real.is_file() and not real.is_symlink():
        real, common = _linked(top)
    if os.path.lexists(real / "index") and not _is_plain(real / "index"):
        raise GitError("the index of .git is not a regular file")
    with tempfile.TemporaryDirectory(prefix="backend-audit-git-") as name:
        private = Path(name)
        (private / "config").write_text(_config(read_plain(common / "config", _SMALL) or b""))
        (private / "HEAD").write_text("ref: refs/heads/none\n")
        (private / "refs").mkdir()
        (private / "info").mkdir()
        for file in ("info/exclude", "shallow"):
            if data := read_plain(common / file, _SMALL):
                (private / file).write_bytes(data)
        _link_files(real, private, prefix="sharedindex.")
        _link_objects(common / "objects", private / "objects")
        yield GitFolder(top, real, common, private)


def _config(theirs: bytes) -> str:
    """Our own config; of theirs it takes over what says how data are stored, and nothing that acts."""

    def says(key: str, value: str) -> bool:
        return re.search(rf"^[ \t]*{key}[ \t]*=[ \t]*{value}\b", text, re.MULTILINE | re.IGNORECASE) is not None

    text = theirs.decode("utf-8", "replace")
    lines = ["[core]", "repositoryformatversion = 1", "bare = false"]
    lines += [f"{key} = true" for key in ("ignorecase", "precomposeunicode") if says(key, "true")]
    lines += ["[extensions]", "objectFormat = sha256"] if says("objectformat", "sha256") else []
    return "\n".join([*lines, ""])


def _link_objects(source: Path, target: Path) -> None:
    """Link the object files; `info` stays out, and with it alternates, which name folders elsewhere."""
    target.mkdir()
    if not _is_folder(source):
        return
    with os.scandir(source) as entries:
        loose = [e.name for e in entries if re.fullmatch("[0-9a-f]{2}", e.name) and e.is_dir(follow_symlinks=False)]
    for name in loose:
        with os.scandir(source / name) as entries:
            if all(entry.is_file(follow_symlinks=False) for entry in entries):
                (target / name).symlink_to(source / name)
    (target / "pack").mkdir()
    if _is_folder(source / "pack"):
        _link_files(source / "pack", target / "pack", prefix="pack-")


def _link_files(source: Path, target: Path, prefix: str) -> None:
    with os.scandir(source) as entries:
        names = [e.name for e in entries if e.name.startswith(prefix) and e.is_file(follow_symlinks=False)]
    for name in names:
        (target / name).symlink_to(source / name)


def _is_folder(place: Path) -> bool:
    return os.path.realpath(place) == str(place) and place.is_dir()


def _is_plain(place: Path) -> bool:
    """Whether this is a regular file that no link on the way leads to."""
    with suppress(OSError):
        return stat.S_ISREG(place.lstat().st_mode) and os.path.realpath(place) == str(place)
    return False


def read_plain(place: Path, limit: int) -> bytes | None:
    """The bytes of a regular file of at most `limit` bytes that no link leads to; None for anything else."""
    if not _is_plain(place) or place.stat().st_size > limit:
        return None
    try:
        handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        return file.read(limit)
