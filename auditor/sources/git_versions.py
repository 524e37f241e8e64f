"""Which versions of which files git's history holds below a folder: names and commits only, no content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.secret_files import is_env, is_rehearsal
from auditor.sources.git import run_git
from auditor.sources.git_folder import GitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from auditor.sources.git_folder import GitFolder

_CHUNK = 1000
_REGULAR = {"100644", "100755"}
_LEAST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Version:
    """One content of a file, with the oldest commit that brought it; `age` counts commits from the newest."""

    oid: str
    path: str
    commit: str
    when: int
    age: int


@dataclass(slots=True)
class Listed:
    """The versions, those of the newest commits first; the present ones are not among them."""

    commits: int
    commits_unread: int
    versions: list[Version]


def list_versions(folder: GitFolder, inside: str, left: Callable[[], float]) -> Listed:
    """Every former version below `inside`, a path from the top level, for as long as `left` gives time."""
    prefix = "" if inside == "." else inside + "/"
    commits = _commits(folder, prefix, left)
    found: dict[str, Version] = {}
    weights: dict[str, int] = {}
    listed = 0
    while listed < len(commits) and left() > 0:
        chunk = commits[listed : listed + _CHUNK]
        try:
            for version in _versions(folder, chunk, listed, prefix, left):
                known = found.get(version.oid, version)
                if _weight(version.path, weights) >= _weight(known.path, weights):
                    found[version.oid] = version  # an older commit takes the place of a newer, not its turn
        except GitError:
            break
        listed += len(chunk)
    for oid in _present(folder, prefix):
        found.pop(oid, None)
    return Listed(len(commits), len(commits) - listed, list(found.values()))


def _weight(path: str, known: dict[str, int]) -> int:
    """Of one content under several names, the name under which it weighs most counts; many versions share a name."""
    if path not in known:
        known[path] = is_env(path) * 2 + (not is_rehearsal(path))
    return known[path]


def _below(prefix: str) -> tuple[str, ...]:
    return ("--", prefix) if prefix else ()


def _commits(folder: GitFolder, prefix: str, left: Callable[[], float]) -> list[str]:
    given = "".join(f"{tip}\n" for tip in folder.tips()).encode()
    if not given:
        return []
    options = ("rev-list", "--stdin", "--ignore-missing", *(("--full-history",) if prefix else ()))
    raw = run_git(folder, *options, *_below(prefix), given=given, seconds=max(left(), _LEAST_SECONDS))
    return raw.decode("ascii").split()


def _present(folder: GitFolder, prefix: str) -> Iterator[str]:
    """The blobs of the commit that is checked out: the rules on files read those."""
    head = folder.ref("HEAD")
    raw = run_git(folder, "ls-tree", "-r", "-z", head, *_below(prefix)) if head else b""
    for entry in raw.split(b"\0"):
        yield from (part.decode("ascii") for part in entry.partition(b"\t")[0].split()[2:3])


def _versions(
    folder: GitFolder, commits: Sequence[str], age: int, prefix: str, left: Callable[[], float]
) -> Iterator[Version]:
    """What each commit brought; of a merge, what none of its parents had."""
    options = ("diff-tree", "--stdin", "-r", "-c", "--root", "--raw", "--no-renames", "--no-abbrev", "-z")
    given = "".join(f"{commit}\n" for commit in commits).encode()
    seconds = max(left(), _LEAST_SECONDS)
    raw = run_git(folder, *options, "--pretty=format:%H %at", *_below(prefix), given=given, seconds=seconds)
    ages = {commit: number for number, commit in enumerate(commits, age)}
    commit, when = "", 0
    parts = iter(raw.decode("utf-8", "surrogateescape").split("\0"))
    for part in parts:
        head, _, facts = part.rpartition("\n") if not part.startswith(":") else ("", "", part)
        if not facts.startswith(":"):
            head, facts = facts, ""
        if head:
            commit, _, time = head.strip().partition(" ")
            when = int(time or 0)
        path = next(parts, "") if facts else ""
        if path and (oid := _brought(facts)):
            yield Version(oid, path.removeprefix(prefix), commit, when, ages.get(commit, age))


def _brought(facts: str) -> str:
    """The blob that a line of facts ends in: modes, then objects, one more of each than there are parents."""
    parents = len(facts) - len(facts.lstrip(":"))
    words = facts.lstrip(":").split(" ")
    modes, oids = words[: parents + 1], words[parents + 1 : 2 * parents + 2]
    return oids[-1] if len(oids) == parents + 1 and modes[-1] in _REGULAR and oids[-1].strip("0") else ""
