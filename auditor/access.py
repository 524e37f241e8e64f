"""The access matrix alone: the replayed database, probed; and what changed since another revision."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from auditor.detectors.contract import opened_at
from auditor.facts.access_contract import compare, part_of, write_contract
from auditor.inquiry import access_rows, access_setups
from auditor.lanes import refuse_emptiness, sources
from auditor.model import NotApplicable, NothingToScan, UsageError
from auditor.plan import Evidence
from auditor.report_tables import build_access, build_setups
from auditor.sources.git_folder import GitError
from auditor.sources.git_tree import tree_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.database_lanes import Databases
    from auditor.facts.access_contract import Change, Key
    from auditor.model import FileSpan, Target
    from auditor.report import AccessCell, AccessSetup
    from auditor.sources.database import Database
    from auditor.sources.probes import Probed


def _silent(_: str) -> None:
    """Say nothing of the progress."""


@dataclass(slots=True)
class Access:
    """`lost` maps a history that could not be probed to the reason; `databases` say where objects come from."""

    cells: list[AccessCell] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)
    databases: dict[str, Database] = field(default_factory=dict)
    probed: dict[str, Probed] = field(default_factory=dict)
    setups: list[AccessSetup] = field(default_factory=list)

    def matrices(self) -> dict[str, dict[Key, str]]:
        """The matrix of each database, as the contract has it."""
        found: dict[str, dict[Key, str]] = {name: {} for name in self.databases}
        for cell in self.cells:
            found[cell.database][cell.object, cell.caller, cell.command] = cell.state
        return found


@dataclass(frozen=True, slots=True)
class Moved:
    """One cell that another revision had differently, or did not have; `since` is the statement that opened it."""

    database: str
    change: Change
    since: FileSpan | None = None


@dataclass(slots=True)
class Difference:
    """What changed between `commit`, which `ref` names, and the files as they are."""

    ref: str
    commit: str
    moved: list[Moved]
    lost: dict[str, str]

    @property
    def widened(self) -> list[Moved]:
        return [moved for moved in self.moved if moved.change.opens]


def read_access(target: Target, progress: Callable[[str], None] = _silent) -> Access:
    """Who can do what. Raises NothingToScan, NotApplicable and Unavailable."""
    with _opened(target, progress) as found:
        return found


@contextmanager
def _opened(target: Target, progress: Callable[[str], None]) -> Iterator[Access]:
    """The same, with databases that can still be asked."""
    with Evidence(sources(target), progress) as evidence:
        refuse_emptiness(evidence.get("repository"), target)
        probed: dict[str, Probed] = evidence.get("probes")
        found: Databases = evidence.get("databases")
        shadows = {database.name: database for database in found.databases if database.source == "shadow"}
        cells, setups = build_access(access_rows(evidence)), build_setups(access_setups(evidence))
        yield Access(cells, dict(found.failed), shadows, probed, setups)


def contract_text(access: Access, name: str) -> str:
    """The contract that says what was seen."""
    return write_contract(access.matrices(), name)


def compare_with(target: Target, ref: str, progress: Callable[[str], None] = _silent) -> Difference:
    """The matrix of another revision against that of the files as they are; raises as read_access, and UsageError."""
    try:
        with tree_at(target.root, ref) as (folder, commit):
            before = _before(replace(target, root=folder), lambda text: progress(f"{text} at {ref}"))
    except GitError as error:
        raise UsageError(f"--diff {ref}: {error}") from error
    with _opened(target, progress) as after:
        lost = {f"{name} at {ref}": reason for name, reason in before.lost.items()} | after.lost
        return Difference(ref, commit, _moves(before, after), lost)


def _before(target: Target, progress: Callable[[str], None]) -> Access:
    """What an older revision had: nothing, where it had no database yet."""
    with Evidence(sources(target)) as evidence:
        histories = evidence.get("histories").histories
    try:
        return read_access(target, progress) if histories else Access()
    except (NotApplicable, NothingToScan):
        return Access()


def _moves(before: Access, after: Access) -> list[Moved]:
    old, new = before.matrices(), after.matrices()
    if len(old) == len(new) == 1:  # a folder of migrations may have been renamed
        old = dict(zip(new, old.values(), strict=True))
    return [moved for name in sorted({*old, *new}) for moved in _moved(name, old, new, after)]


def _moved(name: str, old: dict[str, Any], new: dict[str, Any], after: Access) -> list[Moved]:
    changes = compare(part_of(old.get(name, {})), new.get(name, {}))
    told = [change for change in changes if change.kind not in {"same", "uncovered"} and not _still_unknown(change)]
    opened: dict[tuple[str, str], list[Change]] = {}
    for change in told:
        if change.opens:
            opened.setdefault((change.object, change.caller), []).append(change)
    since = {key: _since(after, name, found) for key, found in opened.items()}
    return [Moved(name, c, since[c.object, c.caller] if c.opens else None) for c in told]


def _since(after: Access, name: str, changes: list[Change]) -> FileSpan | None:
    if name not in after.databases or name not in after.probed:
        return None
    return opened_at(after.databases[name], after.probed[name], changes)


def _still_unknown(change: Change) -> bool:
    return change.kind == "unknown" and change.after == "unknown" and change.before in {"unknown", None}
