"""git, called through one function that cannot be made to run anything the repository asks for."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.sources.git_folder import GitError, git_top, private_git

if TYPE_CHECKING:
    from auditor.sources.git_folder import GitFolder

_SECONDS = 30
# The config is ours already (git_folder.py); these are the second wall.
_SAFE = (
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.quotePath=false",
)
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    # No object is ever fetched: older versions know only the second, which outranks any protocol.*.allow.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
}
_BRANCHES = (
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
)


def run_git(folder: GitFolder, *arguments: str, given: bytes = b"", seconds: float | None = None) -> bytes:
    """The output of one git command that reads, and is told what is `given`; raises GitError."""
    safe = (part for key in (*_SAFE, f"safe.directory={folder.top}") for part in ("-c", key))
    places = (f"--git-dir={folder.private}", f"--work-tree={folder.top}")
    most = _SECONDS if seconds is None else seconds
    try:
        answer = subprocess.run(
            [_program(folder.top), *safe, "--no-optional-locks", "--no-pager", *places, *arguments],
            capture_output=True,
            check=False,
            timeout=most,
            env=_ENVIRONMENT | {"GIT_INDEX_FILE": str(folder.index)},
            cwd=folder.top,
            input=given,
        )
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git did not answer within {most:.0f} s") from error
    except OSError as error:
        raise GitError(f"git could not be started: {error.strerror}") from error
    if answer.returncode:
        lines = answer.stderr.decode("utf-8", "replace").strip().splitlines()
        raise GitError(lines[0] if lines else f"git ended with {answer.returncode}")
    return answer.stdout


def _program(top: Path) -> str:
    """Git from the user's PATH, but never one that the scanned tree brings along (`node_modules/.bin`, `.`)."""
    folders = [Path(name) for name in os.get_exec_path() if Path(name).is_absolute()]
    trusted = [str(folder) for folder in folders if not folder.resolve().is_relative_to(top)]
    found = shutil.which("git", path=os.pathsep.join(trusted) or os.devnull)
    if not found:
        raise GitError("git is not on PATH")
    return found


def listed_files(folder: GitFolder, root: Path) -> list[str]:
    """Tracked and untracked files that are not ignored, below `root` and relative to it.

    The names come from an index that anybody may have written: they are names to be checked, not paths to open.
    """
    inside = root.relative_to(folder.top).as_posix()
    raw = run_git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", inside)
    return sorted(set(_names(raw, inside)))


def tracked_files(folder: GitFolder, root: Path) -> list[str]:
    """What the index names below `root`: committed, or about to be."""
    inside = root.relative_to(folder.top).as_posix()
    return sorted(set(_names(run_git(folder, "ls-files", "-z", "--cached", "--", inside), inside)))


def paths_on_default_branch(folder: GitFolder, root: Path) -> frozenset[str] | None:
    """Files below `root` as the default branch's fork point has them; None when no such branch is known.

    What is missing there is new: it is under review now and has not been applied.
    """
    head = folder.ref("HEAD")
    inside = root.relative_to(folder.top).as_posix()
    for branch in _BRANCHES:
        tip = folder.ref(branch)
        if not head or not tip:
            continue
        try:
            base = run_git(folder, "merge-base", head, tip).decode().strip()
            below = () if inside == "." else ("--", inside + "/")
            return frozenset(_names(run_git(folder, "ls-tree", "-r", "-z", "--name-only", base, *below), inside))
        except GitError:
            continue
    return None


def _names(raw: bytes, inside: str) -> list[str]:
    prefix = "" if inside == "." else inside + "/"
    return [name.decode("utf-8", "surrogateescape").removeprefix(prefix) for name in raw.split(b"\0") if name]


def refs_id(root: Path) -> str:
    """A hash of everything that git's history of a folder starts from; empty where it cannot be had."""
    try:
        top = git_top(root)
        if top is None:
            return ""
        with private_git(top) as folder:
            return hashlib.sha256(f"{folder.tips()} {(folder.private / 'shallow').exists()}".encode()).hexdigest()
    except (GitError, OSError):
        return ""
