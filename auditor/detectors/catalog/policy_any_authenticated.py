"""Policies that only ask whether somebody is signed in, and say nothing of the row."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.detectors.policies import Clauses, policy_answer, read_policies, restricted
from auditor.detectors.policy_stakes import stakes
from auditor.facts.ownership import find_owned
from auditor.facts.policy_bindings import is_caller_id
from auditor.facts.policy_outcomes import ANYBODY, SIGNED_IN, TRUE, outcomes
from auditor.facts.policy_terms import Term
from auditor.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.schema import Policy
    from auditor.model import Answer
    from auditor.sources.database import Database

_VERBS = {"all": "read and write", "select": "read", "insert": "insert", "update": "change", "delete": "delete"}


def ask(database: Database) -> Iterator[Answer]:
    owned, people = find_owned(database.schema), _people(database)
    for table, policy, clauses in read_policies(database):
        if not policy.permissive or not {"public", "authenticated"} & set(policy.roles):
            continue
        clause, confidence = open_clause(policy, clauses), Confidence.INFERRED
        if clause is None:
            clause, confidence = open_clause(policy, clauses, people), Confidence.SUSPECTED
        if clause is None or restricted(table, policy, database):
            yield policy_answer(table, policy, None, ok="asks for more than a signed-in caller")
            continue
        only_new = policy.command == "insert" or clause == "with check"
        verb = "insert" if only_new and policy.command == "all" else _VERBS[policy.command]
        asked = "is signed in" if confidence is Confidence.INFERRED else "has a row that every user has"
        fault = f"its {clause} only asks whether somebody {asked}: every user may {verb} all rows"
        severity = stakes(table, policy, owned.get(table.oid), only_new_rows=only_new)
        yield policy_answer(table, policy, fault, severity=severity, confidence=confidence, evidence=clause)


def _people(database: Database) -> frozenset[str]:
    """Tables with one row for each user, by their names."""
    tables = database.schema.tables.values()
    rows = [
        t
        for t in tables
        if any(k.target == database.schema.users and k.columns == t.primary_key for k in t.foreign_keys)
    ]
    named = [t for t in rows if re.match(r"users?$|user_?profiles?$|profiles?$|accounts?$|people$", t.name)]
    return frozenset(name for t in named for name in (t.name, f"{t.schema}.{t.name}"))


def open_clause(policy: Policy, clauses: Clauses, people: frozenset[str] = frozenset()) -> str | None:
    """The clause that every signed-in caller passes for every row, unless it is constant anyway."""
    if clauses.using and _only_signed_in(_without_profiles(clauses.using, people)):
        return "using"
    decides = policy.using is None or policy.command == "all"
    check = _without_profiles(clauses.check, people) if clauses.check and decides else None
    return "with check" if check and _only_signed_in(check) else None


def _without_profiles(term: Term, people: frozenset[str]) -> Term:
    """`exists (select from profiles where id = auth.uid())` asks for no more than `auth.uid() is not null`."""
    select = term.args[0] if term.kind == "exists" else None
    if select and select.relations and select.relations <= people and select.where and _is_callers(select.where):
        caller = next(side for side in select.where.args if is_caller_id(side))
        return Term("notnull", "", (caller,))
    return replace(term, args=tuple(_without_profiles(part, people) for part in term.args)) if people else term


def _is_callers(where: Term) -> bool:
    """One comparison with the caller's id and nothing else."""
    sides = where.args if where.kind == "op" and where.name == "=" else ()
    pairs = [sides, sides[::-1]] if sides else []
    return any(one.kind == "column" and is_caller_id(other) for one, other in pairs)


def _only_signed_in(term: Term) -> bool:
    return outcomes(term, SIGNED_IN) == {TRUE} and outcomes(term, ANYBODY) != {TRUE}
