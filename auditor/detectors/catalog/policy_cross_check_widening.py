"""Permissive UPDATE policies of which one lets in the rows and another one, without the owner, lets pass the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.column_guards import read_guards
from auditor.detectors.policies import policy_answer, reached_roles, read_policies, restricted, serves
from auditor.facts.ownership import find_owned
from auditor.facts.policy_bindings import bound_columns, own_row_columns
from auditor.facts.policy_outcomes import SIGNED_IN, TRUE, outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.detectors.policies import Clauses
    from auditor.facts.policy_terms import Term
    from auditor.facts.schema import Policy, Table
    from auditor.model import Answer
    from auditor.sources.database import Database

_Read = tuple["Table", "Policy", "Clauses"]


def ask(database: Database) -> Iterator[Answer]:
    owned, guards = find_owned(database.schema), read_guards(database)
    updates = [row for row in read_policies(database) if row[1].permissive and serves(row[1], "update")]
    for table, policy, clauses in updates:
        beside = [row for row in updates if row[0].oid == table.oid and row[1].oid != policy.oid]
        if not beside or table.oid not in owned:
            continue
        column, other = _widened((table, policy, clauses), beside, database)
        guarded = guards.watched(table, column, "update") or restricted(table, policy, database)
        fault = f"rows that the policy {other} lets in pass this CHECK with any {column}: policies are joined by OR"
        found = bool(column) and not guarded
        yield policy_answer(
            table,
            policy,
            fault if found else None,
            ok="its CHECK repeats the owner that others ask for",
            evidence=column,
        )


def _widened(row: _Read, beside: list[_Read], database: Database) -> tuple[str, str]:
    """The column that another policy holds equal to the caller and this one's explicit CHECK does not, and which."""
    table, policy, clauses = row
    if clauses.check is None or clauses.using is None or not _for_users(clauses.check):
        return "", ""
    # A USING that asks nothing of the row opens the table by itself: another rule's finding.
    if not bound_columns(clauses.using) and not clauses.using.own_columns:
        return "", ""
    passed = bound_columns(clauses.check)
    roles = set(reached_roles(policy, database))
    for _, other, theirs in beside:
        if roles & set(reached_roles(other, database)) and theirs.using and theirs.new_row and passed is not None:
            held = (own_row_columns(theirs.using) or frozenset()) & (own_row_columns(theirs.new_row) or frozenset())
            lost = sorted(held - passed - clauses.check.own_columns)
            if lost and (lost[0],) != table.primary_key:
                return lost[0], other.name
    return "", ""


def _for_users(check: Term) -> bool:
    return TRUE in outcomes(check, SIGNED_IN)
