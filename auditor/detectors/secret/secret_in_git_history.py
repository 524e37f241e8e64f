"""Secrets of former versions of files: gone from the tree, and still in every clone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.units import unit_of
from auditor.model import Answer, NotApplicable, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Commit
    from auditor.sources.git_history import History, Leak
    from auditor.sources.repository import Repository

_SHORT = 12


def ask(repository: Repository, history: History) -> Iterator[Answer]:
    open_ends = list(_unread(history))
    if not history.read and not open_ends:
        raise NotApplicable("git's history holds no former version of these files")
    leaking = {leak.version.oid for leak in history.leaks}
    for oid in history.read:
        if oid not in leaking:
            yield Answer(f"blob {oid[:_SHORT]}", State.OK, "holds no secret that left the tree")
    for leak in history.leaks:
        yield _failing(leak, repository)
    for part, reason in open_ends:
        yield Answer(f"blob {part}", State.UNKNOWN, reason)


def _failing(leak: Leak, repository: Repository) -> Answer:
    commit = leak.commit
    remnant = leak.remnant
    return Answer(
        f"blob {commit.path}",
        State.FAIL,
        f"{remnant.detail}; {_place(commit)}: anybody with a clone has it, until it is rotated",
        where=commit,
        severity=remnant.severity,
        evidence=f"{remnant.kind} {remnant.name}".strip(),
        unit=unit_of(commit.path, repository.units),
    )


def _place(commit: Commit) -> str:
    return f"since commit {commit.id[:_SHORT]} of {commit.date}, and no longer in the tree"


def _unread(history: History) -> Iterator[tuple[str, str]]:
    """What keeps the answer open, with its size and what to do about it."""
    if history.unread or history.commits_unread:
        listed = f"{history.unread} former versions" if history.unread else ""
        behind = f"{history.commits_unread} of {history.commits} commits" if history.commits_unread else ""
        what = " and ".join(part for part in (listed, behind) if part)
        yield "not read", f"{what} were not read within {history.budget:g} s: give --history-budget more"
    if history.absent:
        yield (
            "not fetched",
            (f"{history.absent} former versions are not in this clone, which is partial: scan a full one"),
        )
    if history.shallow:
        yield "cut off", "the clone is shallow, and what came before it is not there: `git fetch --unshallow`"
