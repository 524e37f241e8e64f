"""The access matrix and the endpoint table of the HTML report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.report import AccessCell, Endpoint, EndpointControl, ProofResult, Report

_COMMANDS = ("select", "insert", "update", "delete")
_WORDS = {"own-rows": "own rows"}


@dataclass(frozen=True, slots=True)
class Cell:
    """What one caller can do; `anchor` leads to the transcript where there is one."""

    state: str
    word: str
    anchor: str | None


@dataclass(frozen=True, slots=True)
class Transcript:
    anchor: str
    title: str
    proof: ProofResult


@dataclass(frozen=True, slots=True)
class Matrix:
    """One database: its objects are the rows, its callers and their commands the columns."""

    title: str
    callers: list[str]
    commands: list[str]
    rows: list[tuple[str, list[Cell]]]
    proofs: list[Transcript]


def matrices(report: Report) -> list[Matrix]:
    databases: dict[tuple[str, str], list[AccessCell]] = {}
    for cell in report.access:
        databases.setdefault((cell.unit, cell.database), []).append(cell)
    return [_matrix(n, unit, name, cells) for n, ((unit, name), cells) in enumerate(databases.items())]


def _matrix(number: int, unit: str, database: str, cells: list[AccessCell]) -> Matrix:
    callers = list(dict.fromkeys(cell.caller for cell in cells))
    commands = sorted(dict.fromkeys(cell.command for cell in cells), key=_command_order)
    known = {(cell.object, cell.caller, cell.command): cell for cell in cells}
    anchors = {key: f"x={number}-{n}" for n, (key, cell) in enumerate(known.items()) if cell.proof}
    rows = [
        (name, [_cell(known, anchors, (name, caller, command)) for caller in callers for command in commands])
        for name in dict.fromkeys(cell.object for cell in cells)
    ]
    title = f"Database {database}" if unit == "." else f"Database {database}, {unit}"
    return Matrix(title, callers, commands, rows, _transcripts(known, anchors))


def _command_order(command: str) -> int:
    return _COMMANDS.index(command.lower()) if command.lower() in _COMMANDS else len(_COMMANDS)


_Key = tuple[str, str, str]


def _cell(known: dict[_Key, AccessCell], anchors: dict[_Key, str], key: _Key) -> Cell:
    """Look a cell up; a combination that nobody tried is unknown, not denied."""
    state = known[key].state if key in known else "unknown"
    return Cell(state, _WORDS.get(state, state), anchors.get(key))


def _transcripts(known: dict[_Key, AccessCell], anchors: dict[_Key, str]) -> list[Transcript]:
    return [
        Transcript(anchors[key], f"{cell.caller}: {cell.command} on {cell.object}, {cell.state}", cell.proof)
        for key, cell in known.items()
        if cell.proof
    ]


ENDPOINT_CONTROLS = {
    "auth": "authentication", "validation": "validation", "rate_limit": "rate limit", "signature": "signature",
}  # fmt: skip
_STATES = {"present": "present", "absent": "absent", "unresolved": "could not resolve", "not_applicable": "-"}


def cell_of_endpoint(endpoint: Endpoint, name: str) -> tuple[str, str, str]:
    """The colour, the word and the evidence of one control of an endpoint."""
    control: EndpointControl = getattr(endpoint, name)
    tone = {"present": "good", "absent": "bad", "unresolved": "open"}.get(control.state, "mute")
    return f"tone-{tone}", _STATES[control.state], control.evidence
