"""Policies that look callers up in a table which those callers can write, because it has no row level security."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import policy_answer, reached_roles, read_functions, read_policies
from auditor.facts.policy_functions import called

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.detectors.policies import Clauses
    from auditor.facts.policy_functions import Functions
    from auditor.facts.schema import Policy, Table
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    functions = read_functions(database)
    for table, policy, clauses in read_policies(database):
        looked_up = list(_looked_up(table, clauses, functions, database))
        if not looked_up:
            continue
        fault = None
        guilty = [(other, roles) for other in looked_up if (roles := _writers(other, policy, database))]
        if guilty:
            other, roles = guilty[0]
            who = " and ".join(roles)
            fault = f"looks callers up in {other.identity}, which has no row level security and which {who} may write"
        evidence = guilty[0][0].identity if guilty else ""
        yield policy_answer(table, policy, fault, ok="callers cannot forge what it looks up", evidence=evidence)


def _looked_up(table: Table, clauses: Clauses, functions: Functions, database: Database) -> Iterator[Table]:
    """The other tables that a policy reads, itself or by a function."""
    names = {relation for term in clauses.written for relation in term.relations}
    names |= {relation for term in clauses.written for f in called(term, functions) for relation in f.reads}
    for other in database.schema.tables.values():
        if other.oid != table.oid and names & {f"{other.schema}.{other.name}", other.name}:
            yield other


def _writers(table: Table, policy: Policy, database: Database) -> list[str]:
    if table.rls or not table.exposed:
        return []
    roles = reached_roles(policy, database)
    return [role for role in roles if {"INSERT", "UPDATE"} & set(table.privileges.get(role, ()))]
