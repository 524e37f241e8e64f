"""Policies by which users insert their own membership of whichever tenant they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.column_guards import decides_elsewhere, read_guards
from auditor.detectors.policies import policy_answer, reached_roles, read_functions, read_policies, restricted, serves
from auditor.facts.ownership import find_owned
from auditor.facts.policy_bindings import own_row_columns
from auditor.facts.policy_functions import called
from auditor.facts.privileged_columns import is_membership
from auditor.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.detectors.column_guards import Guards
    from auditor.detectors.policies import Clauses
    from auditor.facts.ownership import Owned
    from auditor.facts.policy_functions import Functions
    from auditor.facts.schema import Policy, Table
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    owned, guards, functions = find_owned(database.schema), read_guards(database), read_functions(database)
    for table, policy, clauses in read_policies(database):
        mine = owned.get(table.oid)
        if not mine or not policy.permissive or not serves(policy, "insert") or not is_membership(table, mine):
            continue
        free = _free(table, policy, clauses, mine, guards, functions, database)
        user, tenant = mine.users[0], mine.tenant or ""
        fault = f"new rows are only bound to the caller ({user}), not to a tenant: anybody may join any {tenant}"
        used = decides_elsewhere(table, tenant, database, functions)
        confidence = Confidence.INFERRED if used else Confidence.SUSPECTED
        ok = "new members are bound to the tenant, or come by other ways"
        yield policy_answer(table, policy, fault if free else None, ok=ok, confidence=confidence, evidence=tenant)


def _free(
    table: Table,
    policy: Policy,
    clauses: Clauses,
    owned: Owned,
    guards: Guards,
    functions: Functions,
    database: Database,
) -> bool:
    """Whether the tenant of a new membership is the caller's choice."""
    clause, tenant = clauses.new_row, owned.tenant
    if clause is None or tenant is None or not own_row_columns(clause) or tenant in clause.own_columns:
        return False
    if not any(guards.may_write(table, tenant, role, "insert") for role in reached_roles(policy, database)):
        return False
    tested = [f for term in clauses.written for f in called(term, functions)]
    return not tested and not guards.watched(table, tenant, "insert") and not restricted(table, policy, database)
