"""Policies with a branch that holds when nobody is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import policy_answer, reached_roles, read_policies, restricted
from auditor.facts.ownership import data_class, find_owned
from auditor.facts.policy_bindings import asks_caller
from auditor.facts.policy_outcomes import ANON, SIGNED_IN, TRUE, outcomes
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.ownership import Owned
    from auditor.facts.policy_terms import Term
    from auditor.facts.schema import Policy, Table
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    owned = find_owned(database.schema)
    for table, policy, clauses in read_policies(database):
        if not policy.permissive:
            continue
        guilty = [term for term in clauses.both if inverted(term)]
        if not guilty or restricted(table, policy, database) or set(policy.roles) <= {"anon"}:
            yield policy_answer(table, policy, None, ok="no branch holds when nobody is signed in")
            continue
        fault = "a branch of it holds when nobody is signed in (auth.uid() is null): it lets everybody else through"
        severity = _severity(table, policy, owned.get(table.oid), database)
        yield policy_answer(table, policy, fault, severity=severity, evidence="inverted")


def inverted(term: Term) -> bool:
    """True for callers who are not signed in, whatever the row; not so for those who are."""
    return asks_caller(term) and outcomes(term, ANON) == {TRUE} and outcomes(term, SIGNED_IN) != {TRUE}


def _severity(table: Table, policy: Policy, owned: Owned | None, database: Database) -> Severity:
    """A token without a subject cannot be had for the asking: without anon the branch is dead."""
    if "anon" not in reached_roles(policy, database):
        return Severity.LOW
    if owned or data_class(table) != "plain":
        return Severity.CRITICAL
    return Severity.HIGH if policy.writes else Severity.MEDIUM
