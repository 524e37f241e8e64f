"""Another revision of the scanned folder, taken out of git's objects into a private directory.

Nothing of git that writes a work tree is used: those run filters and hooks that the repository chooses. Links and
submodules stay out, and no name leads out of the directory.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.units import is_vendored
from auditor.sources.git import run_git
from auditor.sources.git_folder import GitError, git_top, private_git
from auditor.sources.repository import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.git_folder import GitFolder

_REGULAR = {b"100644", b"100755"}
_HEADS = {"HEAD", "ORIG_HEAD"}
_REF = re.compile(r"(?P<base>[^~^:\s\0]+?)(?P<steps>(?:[~^]\d*)*)")
_HEX = re.compile(r"[0-9a-f]{4,64}")
_CHUNK = 32_000_000
_MOST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Blob:
    """A file's content among git's objects, and where it goes."""

    oid: bytes
    size: int
    path: str


@contextmanager
def tree_at(root: Path, ref: str) -> Iterator[tuple[Path, str]]:
    """The folder as `ref` has it, and the commit; gone at the end. Raises GitError."""
    root = root.resolve()
    top = git_top(root)
    if top is None:
        raise GitError("not in a git repository")
    with private_git(top) as folder, tempfile.TemporaryDirectory(prefix="backend-audit-tree-") as name:
        commit = resolve(folder, ref)
        inside = root.relative_to(top).as_posix()
        write_blobs(folder, _blobs(folder, commit, inside), Path(name))
        yield Path(name), commit


def resolve(folder: GitFolder, ref: str) -> str:
    """The commit that a branch, tag or commit names, also with steps behind it (`main~2`); raises GitError."""
    match = _REF.fullmatch("HEAD" if ref == "@" else ref)
    start = _start(folder, match["base"]) if match else None
    if match is None or start is None:
        raise GitError(f"no commit is named '{ref}'")
    try:
        found = run_git(folder, "rev-parse", "--verify", "--quiet", f"{start}{match['steps']}^{{commit}}")
    except GitError:
        raise GitError(f"no commit is named '{ref}' (a shallow clone has the newest ones only)") from None
    return found.decode().strip()


def _start(folder: GitFolder, base: str) -> str | None:
    """The object that a name without steps stands for. The refs are read here: git is given none."""
    if ".." in base.split("/") or base.startswith(("/", "-")) or "//" in base:
        return None
    names = [base] if base in _HEADS or base.startswith("refs/") else []
    names += [f"refs/{kind}/{base}" for kind in ("tags", "heads", "remotes")] + [f"refs/remotes/{base}/HEAD"]
    found = (folder.ref(name) for name in names)
    return next((oid for oid in found if oid), base if _HEX.fullmatch(base) else None)


def _blobs(folder: GitFolder, commit: str, inside: str) -> list[Blob]:
    """The regular files below a folder, with their paths relative to it."""
    prefix = "" if inside == "." else inside + "/"
    raw = run_git(folder, "ls-tree", "-r", "-l", "-z", commit, *(("--", prefix) if prefix else ()))
    found = []
    for entry in raw.split(b"\0"):
        facts, _, name = entry.partition(b"\t")
        mode, kind, oid, size = facts.split() if name else (b"", b"", b"", b"")
        path = name.decode("utf-8", "surrogateescape").removeprefix(prefix)
        if mode in _REGULAR and kind == b"blob" and size.isdigit() and is_harmless(path) and int(size) <= MAX_BYTES:
            found.append(Blob(oid, int(size), path))
    if sum(blob.size for blob in found) > _MOST:
        raise GitError(f"the files of that commit are larger than {_MOST // 1_000_000_000} GB")
    return found


def is_harmless(path: str) -> bool:
    """Whether a name of a tree, which anybody may have written, stays below the folder and is worth reading."""
    parts = path.split("/")
    return not {"", ".", ".."} & set(parts) and ".git" not in {p.lower() for p in parts} and not is_vendored(path)


def write_blobs(folder: GitFolder, blobs: list[Blob], target: Path) -> None:
    """Write the contents below a folder of our own; raises GitError."""
    for chunk in _chunks(blobs):
        raw = run_git(folder, "cat-file", "--batch", given=b"".join(blob.oid + b"\n" for blob in chunk))
        start = 0
        for blob in chunk:
            end = raw.index(b"\n", start)
            if raw[start:end] != b"%s blob %d" % (blob.oid, blob.size):
                raise GitError(f"{blob.path}: its content is not in this clone")
            _place(target, blob.path, raw[end + 1 : end + 1 + blob.size])
            start = end + blob.size + 2


def _chunks(blobs: list[Blob]) -> Iterator[list[Blob]]:
    chunk: list[Blob] = []
    total = 0
    for blob in blobs:
        if chunk and total + blob.size > _CHUNK:
            yield chunk
            chunk, total = [], 0
        chunk.append(blob)
        total += blob.size
    if chunk:
        yield chunk


def _place(target: Path, path: str, data: bytes) -> None:
    """Write one new file: two names that a file system takes for one do not overwrite each other."""
    place = target / PurePosixPath(path)
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise GitError(f"{path}: cannot be written: {error.strerror}") from error
    with os.fdopen(handle, "wb") as file:
        file.write(data)
