"""What came back from an attempt, read: allowed, denied, an error, or not known; and in which words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.sources.acting import first_line

if TYPE_CHECKING:
    import psycopg

    from auditor.facts.schema import Table
    from auditor.sources.acting import Outcome
    from auditor.sources.attempts import Try

_CONSTRAINTS = {"23502", "23503", "23505", "23514", "23P01"}
_REFUSALS = {"42501", "P0001"}  # no privilege or policy, and a trigger that raises an exception of its own
_REFERENCED = "0A000"  # TRUNCATE of a table that a foreign key points to
_RECURSION = "42P17"


@dataclass(frozen=True, slots=True)
class Settled:
    """A try with its end; `statement` is the one that showed it."""

    attempt: Try
    statement: str
    state: str
    seen: str
    passed: bool


def settled(attempt: Try, found: tuple[str, str], changes: bool | None, *, passed: bool) -> Settled:
    """`changes`: whether the row was another afterwards, where that was looked at."""
    state, seen = found
    if state == "denied" and changes:
        return Settled(attempt, attempt.blind, "allowed", f"{attempt.command} of rows without a WHERE", passed)
    if state == "allowed" and changes is False:  # a trigger gave the new row another owner
        state, seen = "denied", f"{seen}, but it belongs to another than the statement names"
    return Settled(attempt, attempt.statement, state, seen, passed)


def refuses(error: psycopg.Error) -> bool:
    """Whether somebody decided to refuse, the server or a function in its own words, whatever code it gave them."""
    at = (error.diag.context or "").partition("\n")[0]
    return error.sqlstate in _REFUSALS or (at.startswith("PL/pgSQL function ") and at.endswith(" at RAISE"))


def recursion(error: psycopg.Error) -> tuple[str, str]:
    """What a plan that fails says: infinite recursion is an error, all else a refusal."""
    return "error" if error.sqlstate == _RECURSION else "denied", _words(error)


def reading(attempt: Try, outcome: Outcome) -> tuple[str, str]:
    """State and words for what came back."""
    if outcome.error is not None:
        return _refusal(attempt, outcome.error)
    if attempt.command == "TRUNCATE":
        return "allowed", "TRUNCATE of all rows"
    count = int(outcome.value or 0) if attempt.command == "SELECT" else outcome.count
    rows = f"{attempt.command} of {count} row{'' if count == 1 else 's'}"
    if count and attempt.aim in {"move", "raise"} and not _same(outcome.value, attempt.value):
        return "denied", f"{rows}, and {attempt.column} is {outcome.value} afterwards, not {attempt.value}"
    return ("allowed" if count else "denied"), rows


def _refusal(attempt: Try, error: psycopg.Error) -> tuple[str, str]:
    seen = _words(error)
    if error.sqlstate in _CONSTRAINTS and (error.diag.constraint_name or error.diag.column_name):
        return "unknown", f"{seen} (row level security let it pass, a constraint stopped it)"
    if error.sqlstate == _REFERENCED and attempt.command == "TRUNCATE":
        return "unknown", f"{seen} (the privilege is held, a foreign key stopped it)"
    # A constraint's code without a constraint was raised by a function, in its own words.
    return ("denied" if refuses(error) or error.sqlstate in _CONSTRAINTS else "error"), seen


def passed_by(outcome: Outcome, table: Table) -> bool:
    """Whether a constraint of this very table spoke: WITH CHECK comes before; a trigger's own tables do not count."""
    error = outcome.error
    if error is None or error.sqlstate not in _CONSTRAINTS:
        return False
    return error.diag.table_name == table.name and "PL/pgSQL" not in (error.diag.context or "")


def _same(seen: Any, wanted: Any) -> bool:  # noqa: ANN401 - any SQL value
    """Whether a column holds what was written, as text."""
    if isinstance(wanted, bool):
        return str(seen).lower() in {"true", "t"} if wanted else str(seen).lower() in {"false", "f"}
    if isinstance(wanted, int | float):
        return float(seen) == float(wanted)
    return str(seen) == str(wanted) or (len(str(wanted)) > 4 and str(seen)[:4] == str(wanted)[:4] == "2099")  # noqa: PLR2004 - a year


def _words(error: psycopg.Error) -> str:
    return f"ERROR {error.sqlstate}: {first_line(error)}"
