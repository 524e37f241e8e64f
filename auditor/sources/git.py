"""git, called through one function that cannot be made to run anything the repository asks for."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 60
# A hostile .git/config can name programs (fsmonitor, hooks, ssh, pagers) and files outside the tree: none is used.
_SAFE = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.sshCommand=false",
    "core.pager=cat",
    "core.quotePath=false",
    "protocol.allow=never",
    "extensions.partialClone=",
)


class GitError(Exception):
    """git is missing, timed out, or refused; the text is its first line."""


def git_top(root: Path) -> Path | None:
    """The work tree that holds `root`: the nearest folder up with a real `.git` folder.

    A `.git` that is a file or a link may lead anywhere outside the tree, so it counts as no repository.
    """
    for folder in (root, *root.parents):
        place = folder / ".git"
        if place.is_symlink() or place.is_file():
            return None
        if (place / "HEAD").is_file():
            return folder
    return None


def run_git(top: Path, *arguments: str) -> bytes:
    """The output of one git command that reads; raises GitError."""
    command = ["git", *(part for key in (*_SAFE, f"safe.directory={top}") for part in ("-c", key))]
    command += ["--no-optional-locks", f"--git-dir={top / '.git'}", f"--work-tree={top}", *arguments]
    environment = {
        "PATH": "/usr/bin:/bin:/usr/local/bin:/opt/homebrew/bin",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            env=environment,
            cwd=top,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(f"git: {error}") from error
    if answer.returncode:
        lines = answer.stderr.decode("utf-8", "replace").strip().splitlines()
        raise GitError(lines[0] if lines else f"git ended with {answer.returncode}")
    return answer.stdout


def listed_files(top: Path, root: Path) -> list[str]:
    """Tracked and untracked files that are not ignored, below `root` and relative to it."""
    inside = root.relative_to(top).as_posix()
    raw = run_git(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", inside)
    prefix = "" if inside == "." else inside + "/"
    paths = {name.decode("utf-8", "surrogateescape") for name in raw.split(b"\0") if name}
    return sorted(path.removeprefix(prefix) for path in paths)


def head_commit(top: Path) -> str | None:
    try:
        return run_git(top, "rev-parse", "--verify", "HEAD").decode().strip()
    except GitError:
        return None


def paths_on_default_branch(top: Path, root: Path) -> frozenset[str] | None:
    """Files below `root` as the default branch's fork point has them; None when no such branch is known.

    What is missing there is new: it is under review now and has not been applied.
    """
    for branch in (
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/main",
        "refs/remotes/origin/master",
        "main",
        "master",
    ):
        try:
            base = run_git(top, "merge-base", "HEAD", branch).decode().strip()
            raw = run_git(top, "ls-tree", "-r", "-z", "--name-only", base, "--", root.relative_to(top).as_posix() + "/")
        except GitError:
            continue
        prefix = "" if root == top else root.relative_to(top).as_posix() + "/"
        return frozenset(
            name.decode("utf-8", "surrogateescape").removeprefix(prefix) for name in raw.split(b"\0") if name
        )
    return None
