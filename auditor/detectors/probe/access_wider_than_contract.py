"""Callers that can do more than the access contract of the repository says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.contract import changes_by_object, opened_at, place_of, seen_cells
from auditor.model import Answer, Confidence, Proof, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.access_contract import Change, Key
    from auditor.sources.database import Database
    from auditor.sources.matrix import Cell
    from auditor.sources.probes import Probed

_WORDS = {"own-rows": " own rows"}


def ask(database: Database, probed: Probed) -> Iterator[Answer]:
    seen = seen_cells(probed)
    for changes in changes_by_object(database, seen).values():
        compared = [change for change in changes if change.kind != "gone"]
        if compared:
            yield _answer(database, probed, compared, seen)


def _answer(database: Database, probed: Probed, changes: list[Change], seen: dict[Key, Cell]) -> Answer:
    place = place_of(database, probed, changes[0].object)
    if opened := [change for change in changes if change.opens]:
        return _wider(database, probed, opened, seen)
    if unknown := [change for change in changes if change.kind == "unknown"]:
        first = unknown[0]
        reason = "it could not be tried" if first.after == "unknown" else "the contract does not know it"
        return Answer(place.subject, State.UNKNOWN, f"{first.command} as {first.caller}: {reason}", place)
    return Answer(place.subject, State.OK, "nobody can do more than the contract says", place)


def _wider(database: Database, probed: Probed, opened: list[Change], seen: dict[Key, Cell]) -> Answer:
    widened = [change for change in opened if change.kind == "widened"]
    shown = widened or opened
    place, span = place_of(database, probed, shown[0].object), opened_at(database, probed, shown)
    since = f"; since {span.path}:{span.line}" if span else ""
    beside = "" if widened else " (it is not in the contract)"
    return Answer(
        place.subject,
        State.FAIL,
        f"{can_now(shown)}{beside}{since}",
        place,
        span=span,
        severity=None if widened else Severity.MEDIUM,
        confidence=Confidence.PROVED if (proof := _proof(shown, seen)) else Confidence.INFERRED,
        proof=proof,
        evidence=" ".join(f"{change.caller}:{change.command.lower()}={change.after}" for change in shown),
    )


def can_now(changes: list[Change]) -> str:
    """`anon and stranger can now SELECT and UPDATE; member can now SELECT own rows`."""
    said: dict[str, list[str]] = {}
    for change in changes:
        said.setdefault(change.caller, []).append(f"{change.command}{_WORDS.get(change.after or '', '')}")
    callers: dict[str, list[str]] = {}
    for caller, commands in said.items():
        callers.setdefault(_listed(commands), []).append(caller)
    return "; ".join(f"{_listed(named)} can now {commands}" for commands, named in callers.items())


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _proof(changes: list[Change], seen: dict[Key, Cell]) -> Proof | None:
    """The transcript of what the least trusted caller can now do."""
    for change in changes:
        cell = seen[change.object, change.caller, change.command]
        if cell.script:
            agreed = {"own-rows": "the caller's own rows only"}.get(change.before or "", "0 rows, or ERROR 42501")
            return Proof(cell.script, cell.seen, f"as in the contract: {agreed}")
    return None
