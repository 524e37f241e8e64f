"""Rows of one user or tenant that somebody who is signed in elsewhere writes, tried with planted rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.column_guards import read_guards
from auditor.detectors.outsiders import foreign, named, shown
from auditor.detectors.policies import table_place, to_blame
from auditor.facts.ownership import data_class
from auditor.facts.privileged_columns import is_membership
from auditor.model import Answer, Confidence, Proof, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.detectors.column_guards import Guards
    from auditor.sources.attempts import Attempt
    from auditor.sources.database import Database
    from auditor.sources.probes import Probed, TableProbe

_WRITES = ("INSERT", "UPDATE", "DELETE")


def ask(database: Database, probed: Probed) -> Iterator[Answer]:
    guards = read_guards(database)
    for result in probed.tables.values():
        if result.owned:
            yield _answer(result, guards)


def _answer(result: TableProbe, guards: Guards) -> Answer:
    place = table_place(result.table, aspect="rls")
    # What needs no sign-in at all is anon-can-write-rows.
    tried = [attempt for attempt in foreign(result, _WRITES) if attempt.caller != "anon"]
    if _made_their_own(result, guards):  # what a constraint stopped was a second row of the caller's own
        tried = [attempt for attempt in tried if attempt.command != "INSERT" or not attempt.passed]
    open_to_all = {a.command for a in foreign(result, _WRITES) if a.caller == "anon" and a.state == "allowed"}
    done = [a for a in tried if (a.state == "allowed" or a.passed) and a.command not in open_to_all]
    if result.owned and is_membership(result.table, result.owned):  # joining a tenant is self-join-any-tenant
        done = [attempt for attempt in done if attempt.aim != "join"]
    if result.owned and result.owned.tenant in result.table.primary_key:  # a new tenant takes nothing from the others
        done = [attempt for attempt in done if attempt.command != "INSERT"]
    if done:
        return _found(result, done)
    lost = [attempt for attempt in tried if attempt.state in {"unknown", "error"}]
    if lost:
        return Answer(place.subject, State.UNKNOWN, f"{lost[0].command} as {lost[0].caller}: {lost[0].seen}", place)
    return Answer(place.subject, State.OK, f"{result.owned}; nobody else writes them", place)


def _made_their_own(result: TableProbe, guards: Guards) -> bool:
    """Whether a trigger writes the caller over whomever a new row is said to belong to."""
    assert result.owned
    return any(guards.overwritten(result.table, column, "insert") for column in result.owned.users)


def _found(result: TableProbe, done: list[Attempt]) -> Answer:
    clean = [attempt for attempt in done if attempt.state == "allowed"]
    worst = (clean or done)[-1]
    chosen = [attempt for attempt in clean or done if attempt.aim != "join"] or clean or done
    proof = shown(chosen)
    verbs = list(dict.fromkeys(attempt.command.lower() for attempt in chosen))
    place = to_blame(result.table, {attempt.caller for attempt in chosen}, set(verbs))
    what = "a row that belongs to somebody else"
    if all(attempt.aim == "join" for attempt in chosen):
        what = f"a row of their own with the {worst.column} of another tenant"
    if all(attempt.blind for attempt in chosen):
        what += " by a statement without WHERE, which the REST API does not send"
    stopped = "" if clean else "; a constraint stopped this very row, row level security did not"
    return Answer(
        place.subject,
        State.FAIL,
        f"{result.owned}, and {named(chosen)} can {' and '.join(verbs)} {what}{stopped}",
        place,
        severity=_severity(result, chosen),
        confidence=Confidence.PROVED if clean else Confidence.INFERRED,
        proof=Proof(proof.script, proof.seen, f"ERROR 42501, or {proof.command} of 0 rows"),
        evidence=" ".join(verbs),
    )


def _severity(result: TableProbe, done: list[Attempt]) -> Severity | None:
    """Customers may place orders with a shop that is not theirs; nobody changes another's rows by design."""
    if all(attempt.blind for attempt in done):
        return Severity.MEDIUM
    if {attempt.command for attempt in done} & {"UPDATE", "DELETE"}:
        return None
    if any(attempt.aim == "others" for attempt in done) or data_class(result.table) == "secret":
        return Severity.HIGH
    return Severity.MEDIUM
