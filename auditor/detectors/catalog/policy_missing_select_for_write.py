"""UPDATE and DELETE policies without a SELECT policy for the same role: the rows cannot be found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import holds_for, policy_answer, reached_roles, read_policies, serves

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.schema import Table
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    for table, policy, clauses in read_policies(database):
        if policy.command not in {"update", "delete"} or not policy.permissive or clauses.using is None:
            continue
        able = [role for role in holds_for(clauses.using, policy, database) if may(table, role, policy.command)]
        blind = [role for role in able if role not in _readers(table, database)]
        if blind == ["anon"] and "public" in policy.roles:
            blind = []  # nobody said that anon was meant
        who = " and ".join(blind)
        fault = f"{who} may {policy.command} rows by it but no policy lets {who} see any: nothing is ever changed"
        ok = "who may change rows may see them"
        yield policy_answer(table, policy, fault if blind and table.rls else None, ok=ok, evidence=",".join(blind))


def may(table: Table, role: str, command: str) -> bool:
    return command.upper() in table.privileges.get(role, ())


def _readers(table: Table, database: Database) -> set[str]:
    policies = [policy for policy in table.policies if policy.permissive and serves(policy, "select")]
    return {role for policy in policies for role in reached_roles(policy, database)}
