"""SECURITY DEFINER functions that strangers called with the ids of somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import PG_PROC
from auditor.model import Answer, Confidence, DbObject, Proof, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.attempts import Attempt
    from auditor.sources.database import Database
    from auditor.sources.function_probes import FunctionProbe
    from auditor.sources.probes import Probed

_WORDS = {
    "joins": "makes the caller a member of somebody else's tenant",
    "changes": "changes a row of somebody else",
    "reads": "returns what belongs to somebody else",
}


def ask(database: Database, probed: Probed) -> Iterator[Answer]:
    del database
    for function in probed.functions:
        yield _answer(function)


def _answer(function: FunctionProbe) -> Answer:
    place = DbObject("function", function.identity, PG_PROC, function.oid)
    done = [attempt for attempt in function.attempts if attempt.state == "allowed"]
    if done:
        worst = min(done, key=lambda attempt: list(_WORDS).index(attempt.aim))
        return _found(place, worst)
    if any(attempt.state == "denied" for attempt in function.attempts):
        return Answer(place.subject, State.OK, "called with the ids of somebody else, it gave nothing away", place)
    seen = function.attempts[0].seen if function.attempts else "it was not called"
    return Answer(place.subject, State.UNKNOWN, seen, place)


def _found(place: DbObject, worst: Attempt) -> Answer:
    who = "anon" if worst.caller == "anon" else "a signed-in stranger"
    return Answer(
        place.subject,
        State.FAIL,
        f"called by {who} with the ids of another, it {_WORDS[worst.aim]}",
        place,
        severity=Severity.CRITICAL if worst.aim == "joins" else None,
        confidence=Confidence.PROVED,
        proof=Proof(worst.script, worst.seen, "an error, or nothing"),
        evidence=worst.aim,
    )
