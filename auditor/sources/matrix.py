"""The access matrix: for each object, caller and command, how far the attempts got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.sources.attempts import Attempt
    from auditor.sources.probes import Probed

_NO_CELL = {"move", "raise"}
"""A row that moves or gains privilege is still the caller's own: those attempts are findings, not cells."""


@dataclass(frozen=True, slots=True)
class Cell:
    """`state` is allowed (also rows of somebody else), own-rows, denied, error or unknown; `steps` are the attempts
    that it stands for: whose row, statement, and what was seen.
    """

    object: str
    caller: str
    command: str
    state: str
    seen: str
    script: str
    steps: tuple[tuple[str, str, str], ...] = ()


def cells(probed: Probed) -> Iterator[Cell]:
    """One cell for everything that was asked, tables first."""
    shown = probed.setup.shown
    for table in probed.tables.values():
        yield from _cells(table.table.identity, [a for a in table.attempts if a.aim not in _NO_CELL], shown)
    for bucket in probed.buckets:
        yield from _cells(bucket.identity, bucket.attempts, shown)
    for channel in probed.channels:
        yield from _cells(channel.identity, channel.attempts, shown)
    for function in probed.functions:
        yield from _cells(function.identity, function.attempts, shown)
    for view in probed.views:
        for sight in view.sights:
            steps = (("others", shown(sight.statement), sight.seen),)
            yield Cell(view.identity, sight.caller, "SELECT", sight.state, sight.seen, sight.script, steps)


def _cells(identity: str, attempts: list[Attempt], shown: Callable[[str], str]) -> Iterator[Cell]:
    groups: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in attempts:
        groups.setdefault((attempt.caller, attempt.command), []).append(attempt)
    for (caller, command), found in groups.items():
        state, attempt = _reduced(found)
        steps = tuple((a.aim, shown(a.statement), a.seen) for a in found)
        yield Cell(identity, caller, command, state, attempt.seen, attempt.script, steps)


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
