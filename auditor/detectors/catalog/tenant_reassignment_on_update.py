"""UPDATE policies under which a row can be moved to another tenant or owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.column_guards import read_guards
from auditor.detectors.policies import policy_answer, reached_roles, read_policies, restricted, serves
from auditor.facts.ownership import find_owned
from auditor.facts.policy_bindings import bound_columns
from auditor.facts.policy_terms import terms_of
from auditor.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.detectors.column_guards import Guards
    from auditor.detectors.policies import Clauses
    from auditor.facts.ownership import Owned
    from auditor.facts.policy_terms import Term
    from auditor.facts.schema import Policy, Table
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    owned, guards = find_owned(database.schema), read_guards(database)
    for table, policy, clauses in read_policies(database):
        mine = owned.get(table.oid)
        if not mine or not policy.permissive or not serves(policy, "update") or not clauses.using:
            continue
        column = _movable(table, policy, clauses, mine, guards, database)
        held = column in (bound_columns(clauses.using) or ())
        how = "USING holds the column, CHECK does not" if held else "neither USING nor CHECK holds the column"
        fault = f"a row that a caller may change can be moved to any other {column}: {how}" if column else None
        confidence = Confidence.INFERRED if held else Confidence.SUSPECTED
        ok = "a changed row stays with its owner and tenant"
        yield policy_answer(table, policy, fault, ok=ok, confidence=confidence, evidence=column or "")


def _movable(
    table: Table, policy: Policy, clauses: Clauses, owned: Owned, guards: Guards, database: Database
) -> str | None:
    """The tenant's or owner's column that new rows may fill with anything."""
    before = bound_columns(clauses.using) if clauses.using else None
    after = bound_columns(clauses.new_row) if clauses.new_row else None
    if not before or after is None or restricted(table, policy, database):
        return None
    roles = [role for role in reached_roles(policy, database) if role != "anon"]
    for column in _owners(table, owned, before):
        open_to = any(guards.may_write(table, column, role, "update") for role in roles)
        mentioned = clauses.check is not None and column in clauses.check.own_columns
        if column not in after and not mentioned and open_to and not guards.watched(table, column, "update"):
            return column
    return None


def _owners(table: Table, owned: Owned, before: frozenset[str]) -> list[str]:
    """The tenant's column where some policy of the table shows rows by it, else the move changes nothing for anybody;
    a user's only where USING held it.
    """
    shown = owned.tenant in before or any(owned.tenant in (bound_columns(term) or ()) for term in _clauses_of(table))
    tenant = [owned.tenant] if shown and owned.tenant and (owned.tenant,) != table.primary_key else []
    return [*tenant, *(user for user in owned.users if user in before)]


def _clauses_of(table: Table) -> Iterator[Term]:
    for policy in table.policies:
        if policy.using and serves(policy, "select") and (term := terms_of(policy.using, table.name)):
            yield term
