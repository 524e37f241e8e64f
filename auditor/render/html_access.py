"""The access matrix and the endpoint table of the HTML report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.access_contract import NEVER_SENT, caller_order, command_order
from auditor.render.access_script import WHOSE, setup_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.report import AccessCell, AccessSetup, Endpoint, EndpointControl, ProofResult, Report

_WORDS = {"own-rows": "own rows"}
_MEANS = {
    "allowed": "rows of everybody",
    "own-rows": "own rows only",
    "denied": "nothing",
    "error": "fails with an error",
    "unknown": "not known",
}
_REACHES = _MEANS | {"allowed": "reaches what belongs to somebody else"}
_SIGNS = {"error": "!", "unknown": "?"}
# Callers to whom no row belongs: what they reach is what a reviewer looks for first.
_OUTSIDERS = {"anon", "anonymous-user", "stranger", "other"}


@dataclass(frozen=True, slots=True)
class Chip:
    """What one caller can do with one command; `anchor` leads to the transcript where there is one. A `quiet` one is no
    alarm: no request of the API sends the command.
    """

    letter: str
    state: str
    word: str
    title: str
    anchor: str | None
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    caller: str
    outsider: bool


@dataclass(frozen=True, slots=True)
class Transcript:
    """What stands behind one cell: a `proof` that is complete by itself, or a `script` that runs after the rows and the
    lines of its caller. `control` is what the service role got with the same command, so that a denial means something.
    """

    anchor: str
    title: str
    proof: ProofResult | None
    script: str
    seen: str
    control: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """One database: its objects are the rows, its callers the columns, each cell a chip for every command."""

    title: str
    columns: list[Column]
    commands: list[tuple[str, str]]
    rows: list[tuple[str, list[list[Chip]]]]
    transcripts: dict[str, list[Transcript]]
    setup: str
    anchor: str


def matrices(report: Report) -> list[Matrix]:
    return matrices_of(report.access, report.access_setup)


def matrices_of(cells: Sequence[AccessCell], setups: Sequence[AccessSetup] = ()) -> list[Matrix]:
    """One matrix for each database, and one more for its functions."""
    groups: dict[tuple[str, str, bool], list[AccessCell]] = {}
    for cell in cells:
        groups.setdefault((cell.unit, cell.database, cell.command.upper() == "EXECUTE"), []).append(cell)
    return [_matrix(n, *key, found, setup_of(found[0], setups)) for n, (key, found) in enumerate(groups.items())]


def letter_of(command: str) -> str:
    """`S` for SELECT and so on; `X` for EXECUTE, as in the access privileges that psql shows."""
    return "X" if command.upper() == "EXECUTE" else command[:1].upper()


def sign_of(command: str, state: str) -> str:
    """One character: a capital letter for everybody's rows, a small one for own rows."""
    if state in {"allowed", "own-rows"}:
        return letter_of(command) if state == "allowed" else letter_of(command).lower()
    return _SIGNS.get(state, "-")


_Key = tuple[str, str, str]


def _matrix(
    number: int, unit: str, database: str, functions: bool, cells: list[AccessCell], setup: AccessSetup | None
) -> Matrix:
    callers = sorted({cell.caller for cell in cells}, key=caller_order)
    commands = sorted({cell.command for cell in cells}, key=command_order)
    known = {(cell.object, cell.caller, cell.command): cell for cell in cells}
    anchors = {key: f"x={number}-{n}" for n, (key, cell) in enumerate(known.items()) if _shown(cell)}
    rows = [
        (name, [[_chip(known, anchors, (name, caller, command)) for command in commands] for caller in callers])
        for name in dict.fromkeys(cell.object for cell in cells)
    ]
    title = f"{'Functions of database' if functions else 'Database'} {database}"
    return Matrix(
        title if unit == "." else f"{title}, {unit}",
        [Column(caller, caller in _OUTSIDERS) for caller in callers],
        [(letter_of(command), command) for command in commands],
        rows,
        _transcripts(known, anchors, setup),
        setup.rows if setup else "",
        f"x={number}-rows",
    )


def _shown(cell: AccessCell) -> bool:
    """Whether anything was run that could be shown."""
    return cell.proof is not None or any(step.statement for step in cell.steps)


def _chip(known: dict[_Key, AccessCell], anchors: dict[_Key, str], key: _Key) -> Chip:
    """Look a cell up; a combination that nobody tried is left blank, which is neither denied nor allowed."""
    name, caller, command = key
    if key not in known:
        return Chip("·", "untried", "not tried", f"{caller}: {command} on {name} was not tried", None)
    state = known[key].state
    means = _REACHES if command.upper() == "EXECUTE" else _MEANS
    title = f"{caller}: {command} on {name}: {means.get(state, state)}"
    if not _shown(known[key]) and known[key].steps:
        title += f" ({known[key].steps[0].seen})"
    quiet = command.upper() in NEVER_SENT
    return Chip(sign_of(command, state), state, _WORDS.get(state, state), title, anchors.get(key), quiet)


def _transcripts(
    known: dict[_Key, AccessCell], anchors: dict[_Key, str], setup: AccessSetup | None
) -> dict[str, list[Transcript]]:
    """The transcripts of each object."""
    found: dict[str, list[Transcript]] = {}
    for key, anchor in anchors.items():
        cell = known[key]
        title = f"{cell.caller}: {cell.command} on {cell.object}, {_WORDS.get(cell.state, cell.state)}"
        steps = [step for step in cell.steps if step.statement]
        acts = setup.callers.get(cell.caller, "") if setup else ""
        script = "\n".join([acts, *(f"{step.statement};" for step in steps)])
        seen = "\n".join(f"{WHOSE.get(step.rows, step.rows)}: {step.seen}" for step in steps)
        control = "" if cell.state == "allowed" else _control(known, cell)
        found.setdefault(cell.object, []).append(Transcript(anchor, title, cell.proof, script, seen, control))
    return found


def _control(known: dict[_Key, AccessCell], cell: AccessCell) -> str:
    service = known.get((cell.object, "service_role", cell.command))
    return service.steps[0].seen if service and service.steps and service is not cell else ""


ENDPOINT_CONTROLS = {
    "auth": "authentication", "validation": "validation", "rate_limit": "rate limit", "signature": "signature",
}  # fmt: skip
_STATES = {"present": "present", "absent": "absent", "unresolved": "could not resolve", "not_applicable": "-"}


def cell_of_endpoint(endpoint: Endpoint, name: str) -> tuple[str, str, str]:
    """The colour, the word and the evidence of one control of an endpoint."""
    control: EndpointControl = getattr(endpoint, name)
    tone = {"present": "good", "absent": "bad", "unresolved": "open"}.get(control.state, "mute")
    return f"tone-{tone}", _STATES[control.state], control.evidence
