"""Rows that a caller without any sign-in inserts, changes or deletes, tried with planted rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.outsiders import foreign
from auditor.detectors.policies import table_place, to_blame
from auditor.model import Answer, Confidence, Proof, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.attempts import Attempt
    from auditor.sources.database import Database
    from auditor.sources.probes import Probed, TableProbe

_WRITES = ("INSERT", "UPDATE", "DELETE")


def ask(database: Database, probed: Probed) -> Iterator[Answer]:
    del database
    for result in probed.tables.values():
        yield _answer(result)


def _answer(result: TableProbe) -> Answer:
    place = table_place(result.table, aspect="rls")
    tried = [a for a in foreign(result, _WRITES) if a.caller == "anon"]
    clean = [attempt for attempt in tried if attempt.state == "allowed"]
    done = clean or [attempt for attempt in tried if attempt.passed]
    if done:
        proof = Proof(done[-1].script, done[-1].seen, f"ERROR 42501, or {done[-1].command} of 0 rows")
        stopped = "" if clean else "; a constraint stopped this very row, row level security did not"
        place = to_blame(result.table, {"anon"}, {attempt.command.lower() for attempt in done})
        return Answer(
            place.subject,
            State.FAIL,
            f"anon can {_verbs(done)} rows{stopped}",
            place,
            severity=_severity(result, done),
            confidence=Confidence.PROVED if clean else Confidence.INFERRED,
            proof=proof,
            evidence=_verbs(done),
        )
    if open_ones := [attempt for attempt in tried if attempt.state in {"unknown", "error"}]:
        return Answer(place.subject, State.UNKNOWN, f"{open_ones[0].command} as anon: {open_ones[0].seen}", place)
    return Answer(place.subject, State.OK, "anon writes nothing" if tried else "anon holds no write privilege", place)


def _verbs(done: list[Attempt]) -> str:
    return ", ".join(attempt.command.lower() for attempt in done)


def _severity(result: TableProbe, done: list[Attempt]) -> Severity | None:
    """An insert alone may be meant (a contact form, a waiting list); rows in somebody's name are not. The REST API
    sends no UPDATE or DELETE without a WHERE.
    """
    if all(attempt.blind for attempt in done):
        return Severity.MEDIUM
    if result.table.rls and {attempt.command for attempt in done} == {"INSERT"}:
        return Severity.HIGH if result.owned else Severity.MEDIUM
    return None
