"""Policies that compare the caller with a column which may be null: such rows are nobody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import policy_answer, read_policies
from auditor.facts.ownership import find_owned
from auditor.facts.policy_bindings import bound_columns
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.policy_terms import Term
    from auditor.facts.schema import Table
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    owned = find_owned(database.schema)
    for table, policy, clauses in read_policies(database):
        mine = owned.get(table.oid)
        columns = {mine.tenant, *mine.users} - {None} if mine else set()
        bound = bound_columns(clauses.using) if clauses.using else None  # a CHECK refuses null, that loses no row
        decisive = sorted(name for name in columns & (bound or frozenset()) if name)
        if not decisive:
            continue
        loose = [name for name in decisive if _may_be_null(table, name, clauses.both)]
        fault = f"decides by {loose[0]}, which may be null: nobody can reach such a row" if loose else None
        severity = Severity.LOW if mine and mine.tenant in loose else Severity.INFO
        ok = "the columns that it decides by are never null"
        yield policy_answer(table, policy, fault, ok=ok, severity=severity, evidence=",".join(loose))


def _may_be_null(table: Table, name: str, clauses: tuple[Term, ...]) -> bool:
    """A policy that asks for null by name has thought of it."""
    column = table.column(name)
    tested = {
        part.args[0].name
        for clause in clauses
        for part in clause.walk()
        if part.kind in {"null", "notnull", "coalesce", "distinct", "notdistinct"} and part.args
    }
    return column is not None and not column.not_null and name not in tested
