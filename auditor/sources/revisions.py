"""What another revision, and what is staged, says about the scanned folder: names, renames, contents.

Only git's objects and its index are read, through the one safe function; nothing is checked out.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.sources.git import paths_on_default_branch, run_git
from auditor.sources.git_folder import GitError, git_top, private_git
from auditor.sources.git_tree import Blob, is_harmless, resolve, write_blobs
from auditor.sources.repository import MAX_BYTES, presentable, read_repository

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.sources.git_folder import GitFolder
    from auditor.sources.repository import Repository

# Submodules stay out: git would run in them what their own configuration says. No filter and no external program.
_DIFF = ("--find-renames", "-l2000", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all", "-z")
_REGULAR = {"100644", "100755"}
_SETTINGS = ("backend-audit.toml", "pyproject.toml", "package.json")


@dataclass(frozen=True, slots=True)
class Staged:
    """The files that the next commit changes, as HEAD has them and as the index has them, each in a private folder."""

    before: Path
    after: Path
    paths: frozenset[str]
    renames: dict[str, str] = field(default_factory=dict)
    commit: str | None = None
    applied: frozenset[str] | None = None


def renames_since(root: Path, ref: str) -> dict[str, str]:
    """Old path to new path, for files that git takes for renamed between a commit and the work tree."""
    root = root.resolve()
    top = git_top(root)
    if top is None:
        return {}
    with private_git(top) as folder:
        inside = root.relative_to(top).as_posix()
        raw = run_git(folder, "diff", "--name-status", *_DIFF, resolve(folder, ref), "--", inside)
    return _renames(raw, "" if inside == "." else inside + "/")


def fork_of(root: Path, ref: str) -> str:
    """The commit where HEAD left another revision, which is that revision itself where HEAD goes on from it.

    What the other one got since is not what this one did. Raises GitError.
    """
    root = root.resolve()
    top = git_top(root)
    if top is None:
        raise GitError("not in a git repository")
    with private_git(top) as folder:
        commit = resolve(folder, ref)
        head = folder.ref("HEAD")
        try:
            return run_git(folder, "merge-base", head, commit).decode().strip() if head else commit
        except GitError:  # no common past, or the clone does not have it
            return commit


def commits_since(root: Path, commit: str) -> tuple[str, ...]:
    """The commits that HEAD has and another one has not."""
    root = root.resolve()
    top = git_top(root)
    if top is None:
        return ()
    with private_git(top) as folder:
        head = folder.ref("HEAD")
        return tuple(run_git(folder, "rev-list", head, f"^{commit}").decode().split()) if head else ()


def _renames(raw: bytes, prefix: str) -> dict[str, str]:
    found = {}
    fields = iter(raw.decode("utf-8", "surrogateescape").split("\0"))
    for status in fields:
        if not status:
            continue
        old = next(fields, "")
        new = next(fields, "") if status[0] in "RC" else ""
        if status[0] == "R" and old.startswith(prefix) and new.startswith(prefix):
            found[presentable(old.removeprefix(prefix))] = presentable(new.removeprefix(prefix))
    return found


def repository_at(
    folder: Path, commit: str, now: Repository, include: Iterable[str] = (), exclude: Iterable[str] = ()
) -> Repository:
    """The files of a revision that were taken out into a folder, with what git would say of them there."""
    found = read_repository(folder, include, exclude)
    return replace(found, commit=commit, applied=now.applied, tracked=frozenset(found.files), git_prefix=now.git_prefix)


@contextmanager
def staged(root: Path) -> Iterator[Staged]:
    """What is staged below `root`; gone at the end. Raises GitError."""
    root = root.resolve()
    top = git_top(root)
    if top is None:
        raise GitError("not in a git repository")
    with private_git(top) as folder, tempfile.TemporaryDirectory(prefix="backend-audit-staged-") as name:
        head = folder.ref("HEAD")
        inside = root.relative_to(top).as_posix()
        prefix = "" if inside == "." else inside + "/"
        raw = run_git(
            folder, "diff-index", "--cached", "--raw", "--full-index", *_DIFF, head or _nothing(folder), "--", inside
        )
        changes = list(_changes(raw, prefix))
        found = Staged(
            before=Path(name) / "before",
            after=Path(name) / "after",
            paths=frozenset(presentable(new.path) for _, new in changes if new),
            renames={presentable(a.path): presentable(b.path) for a, b in changes if a and b and a.path != b.path},
            commit=head,
            applied=paths_on_default_branch(folder, root),
        )
        changed = {blob.path for pair in changes for blob in pair if blob}
        beside = [blob for blob in _beside(folder, prefix, changes) if blob.path not in changed]
        for place, blobs in (
            (found.before, [old for old, _ in changes if old]),
            (found.after, [new for _, new in changes if new]),
        ):
            place.mkdir()
            write_blobs(folder, _sized(folder, [*blobs, *beside]), place)
        yield found


def _nothing(folder: GitFolder) -> str:
    """The empty tree, which stands for HEAD before the first commit."""
    return run_git(folder, "hash-object", "-t", "tree", "--stdin").decode().strip()


def _changes(raw: bytes, prefix: str) -> Iterator[tuple[Blob | None, Blob | None]]:
    """The (old, new) versions of each changed file, None on the side that has none."""
    fields = iter(raw.decode("utf-8", "surrogateescape").split("\0"))
    for head in fields:
        if not head.startswith(":"):
            continue
        old_mode, new_mode, old_id, new_id, status = head[1:].split()
        old_path = next(fields, "")
        new_path = next(fields, "") if status[0] in "RC" else old_path
        old = Blob(old_id.encode(), 0, old_path.removeprefix(prefix)) if old_mode in _REGULAR else None
        new = Blob(new_id.encode(), 0, new_path.removeprefix(prefix)) if new_mode in _REGULAR else None
        if status[0] == "C":
            old = None
        old, new = (blob if blob and is_harmless(blob.path) else None for blob in (old, new))
        if old or new:
            yield old, new


def _beside(folder: GitFolder, prefix: str, changes: Iterable[tuple[Blob | None, Blob | None]]) -> list[Blob]:
    """What the index has beside the changes: the settings and the manifest at the root, which say what is asked and of
    what stack, and where a migration is staged, the SQL that comes before it.
    """
    names = [prefix + name for name in _SETTINGS]
    if any(blob and blob.path.endswith(".sql") for pair in changes for blob in pair):
        names = [prefix.rstrip("/") or "."]
    raw = run_git(folder, "ls-files", "--stage", "-z", "--", *names)
    found = []
    for entry in raw.decode("utf-8", "surrogateescape").split("\0"):
        facts, _, path = entry.partition("\t")
        mode, oid, stage = facts.split() if path else ("", "", "")
        inner = path.removeprefix(prefix)
        wanted = inner in _SETTINGS or inner.endswith((".sql", "config.toml", "_journal.json"))
        if mode in _REGULAR and stage == "0" and wanted and is_harmless(inner):
            found.append(Blob(oid.encode(), 0, inner))
    return found


def _sized(folder: GitFolder, blobs: Iterable[Blob]) -> list[Blob]:
    """The blobs with their sizes, without those that are too large to be read."""
    wanted = list(blobs)
    if not wanted:
        return []
    raw = run_git(folder, "cat-file", "--batch-check=%(objectsize)", given=b"".join(b.oid + b"\n" for b in wanted))
    sizes = [int(line) if line.isdigit() else -1 for line in raw.splitlines()]
    if len(sizes) != len(wanted) or -1 in sizes:
        raise GitError("a staged file's content is not in this clone")
    return [replace(b, size=size) for b, size in zip(wanted, sizes, strict=True) if size <= MAX_BYTES]
