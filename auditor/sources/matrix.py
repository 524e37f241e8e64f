"""The access matrix: for each object, caller and command, how far the attempts got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.attempts import Attempt
    from auditor.sources.probes import Probed

_NO_CELL = {"move", "raise"}
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
    for table in probed.tables.values():
        yield from _cells(table.table.identity, [a for a in table.attempts if a.aim not in _NO_CELL])
    for bucket in probed.buckets:
        yield from _cells(bucket.identity, bucket.attempts)
    for channel in probed.channels:
        yield from _cells(channel.identity, channel.attempts)
    for function in probed.functions:
        yield from _cells(function.identity, function.attempts)
    for view in probed.views:
        for sight in view.sights:
            yield Cell(view.identity, sight.caller, "SELECT", sight.state, sight.seen, sight.script)


def _cells(identity: str, attempts: list[Attempt]) -> Iterator[Cell]:
    groups: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in attempts:
        groups.setdefault((attempt.caller, attempt.command), []).append(attempt)
    for (caller, command), found in groups.items():
        state, attempt = _reduced(found)
        yield Cell(identity, caller, command, state, attempt.seen, attempt.script)


def _reduced(attempts: list[Attempt]) -> tuple[str, Attempt]:
    """The attempt that says most: rows of others, then doubts about them, then own rows, then what was refused."""
    others = [attempt for attempt in attempts if attempt.aim != "own"]
    own = [attempt for attempt in attempts if attempt.aim == "own"]
    ranked = [
        ("allowed", [a for a in others if a.state == "allowed" or a.passed]),
        ("error", [a for a in others if a.state == "error"]),
        ("unknown", [a for a in others if a.state == "unknown"]),
        ("own-rows", [a for a in own if a.state == "allowed" or a.passed]),
        ("error", [a for a in own if a.state == "error"]),
        ("unknown", [a for a in own if a.state == "unknown"]),
    ]
    return next(((state, found[0]) for state, found in ranked if found), ("denied", attempts[0]))
