"""Functions that policies call, that read the caller's session and that claim to be IMMUTABLE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import PG_PROC, read_functions, read_policies
from auditor.facts.policy_functions import called, callees
from auditor.facts.predicates import looks_at_caller
from auditor.model import Answer, DbObject, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.policy_functions import Function, Functions
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    functions = read_functions(database)
    users: dict[int, str] = {}
    for table, policy, clauses in read_policies(database):
        for function in [f for term in clauses.written for f in called(term, functions)]:
            users.setdefault(function.oid, f"{policy.name} on {table.identity}")
    for function in {f.oid: f for f in functions.values()}.values():
        if function.oid in users:
            yield _answer(function, users[function.oid], functions)


def _answer(function: Function, policy: str, functions: Functions) -> Answer:
    place = DbObject("function", function.identity, PG_PROC, function.oid)
    if function.volatility != "i" or not _reads_session(function, functions):
        return Answer(place.subject, State.OK, "does not pass the session off as a constant", place)
    detail = f"is IMMUTABLE and reads the session: a cached plan of the policy {policy} may answer for another caller"
    return Answer(place.subject, State.FAIL, detail, place, evidence="immutable")


def _reads_session(function: Function, functions: Functions) -> bool:
    bodies = [function, *callees(function, functions)]
    return any(looks_at_caller(other.body) for other in bodies)
