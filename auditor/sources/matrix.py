"""The access matrix: for each object, caller and command, how far the attempts got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.attempts import Attempt
    from auditor.sources.probes import Probed

_IN_CELLS = {"others", "join", "own"}
"""A row that moves or gains privilege is still the caller's own: those attempts are findings, not cells."""


@dataclass(frozen=True, slots=True)
class Cell:
    """`state` is allowed (also rows of somebody else), own-rows, denied, error or unknown."""

    object: str
    caller: str
    command: str
    state: str
    seen: str
    script: str


def cells(probed: Probed) -> Iterator[Cell]:
    """One cell for everything that was asked, tables first."""
    for result in probed.tables.values():
        groups: dict[tuple[str, str], list[Attempt]] = {}
        for attempt in result.attempts:
            if attempt.aim in _IN_CELLS:
                groups.setdefault((attempt.caller, attempt.command), []).append(attempt)
        for (caller, command), attempts in groups.items():
            state, attempt = _reduced(attempts)
            yield Cell(result.table.identity, caller, command, state, attempt.seen, attempt.script)
    for bucket in probed.buckets:
        for attempt in bucket.attempts:
            yield Cell(bucket.identity, attempt.caller, attempt.command, attempt.state, attempt.seen, attempt.script)
    for view in probed.views:
        for sight in view.sights:
            yield Cell(view.identity, sight.caller, "SELECT", sight.state, sight.seen, sight.script)


def _reduced(attempts: list[Attempt]) -> tuple[str, Attempt]:
    """The attempt that says most: rows of others, then doubts about them, then own rows, then what was refused."""
    others = [attempt for attempt in attempts if attempt.aim != "own"]
    own = [attempt for attempt in attempts if attempt.aim == "own"]
    ranked = [
        ("allowed", [a for a in others if a.state == "allowed"]),
        ("error", [a for a in others if a.state == "error"]),
        ("unknown", [a for a in others if a.state == "unknown"]),
        ("own-rows", [a for a in own if a.state == "allowed" or a.passed]),
        ("error", [a for a in own if a.state == "error"]),
        ("unknown", [a for a in own if a.state == "unknown"]),
    ]
    return next(((state, found[0]) for state, found in ranked if found), ("denied", attempts[0]))
