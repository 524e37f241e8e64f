"""Own-row policies under which callers write columns that give them more than they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.column_guards import decides_elsewhere, read_guards
from auditor.detectors.policies import policy_answer, reached_roles, read_functions, read_policies, restricted, serves
from auditor.facts.ownership import find_owned
from auditor.facts.policy_bindings import own_row_columns
from auditor.facts.privileged_columns import privileged_columns
from auditor.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.detectors.column_guards import Guards
    from auditor.detectors.policies import Clauses
    from auditor.facts.ownership import Owned
    from auditor.facts.schema import Policy, Table
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask_self_grants(database: Database, command: str, verb: str) -> Iterator[Answer]:
    """One row for each policy that lets callers write their own row by `command` (insert or update)."""
    owned, guards, functions = find_owned(database.schema), read_guards(database), read_functions(database)
    for table, policy, clauses in read_policies(database):
        if not policy.permissive or not serves(policy, command) or not _own_row(clauses, command):
            continue
        found = _open_columns(table, policy, clauses, owned.get(table.oid), guards, command, database)
        deciding = [name for name in found if decides_elsewhere(table, name, database, functions)]
        name = next(iter(deciding + found), "")
        used = ", by which policies or functions decide" if deciding else ""
        fault = f"{verb} {name} of their own row{used}: no CHECK and no trigger names that column" if found else None
        confidence = Confidence.INFERRED if deciding else Confidence.SUSPECTED
        ok = "no privileged column of the own row is open"
        yield policy_answer(table, policy, fault, ok=ok, confidence=confidence, evidence=",".join(sorted(found)))


def _own_row(clauses: Clauses, command: str) -> bool:
    clause = clauses.using if command == "update" else clauses.new_row
    return bool(clause and own_row_columns(clause))


def _open_columns(
    table: Table,
    policy: Policy,
    clauses: Clauses,
    owned: Owned | None,
    guards: Guards,
    command: str,
    database: Database,
) -> list[str]:
    if owned is None or not table.rls or restricted(table, policy, database):
        return []
    named = clauses.new_row.own_columns if clauses.new_row else frozenset()
    roles = reached_roles(policy, database)
    return [
        column
        for column in privileged_columns(table, owned)
        if column not in named
        and not guards.watched(table, column, command)
        and any(guards.may_write(table, column, role, command) for role in roles if role != "anon")
    ]
