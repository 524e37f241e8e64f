"""What the policy rules share: the policies of exposed tables, as subjects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.predicates import only_own_columns, truth_of
from auditor.model import Answer, DbObject, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.schema import Policy, Table
    from auditor.model import Severity
    from auditor.sources.database import Database


def exposed_policies(database: Database) -> Iterator[tuple[Table, Policy]]:
    """Policies that decide what an API role can do: on an exposed table, for a role of the API or for everybody."""
    for table in database.schema.exposed:
        for policy in table.policies:
            if reached_roles(policy, database):
                yield table, policy


def reached_roles(policy: Policy, database: Database) -> tuple[str, ...]:
    """The API's roles that a policy is for."""
    if "public" in policy.roles:
        return database.api_roles
    return tuple(role for role in database.api_roles if role in policy.roles)


def policy_answer(
    table: Table,
    policy: Policy,
    fault: str | None,
    *,
    ok: str = "",
    severity: Severity | None = None,
    evidence: str = "",
) -> Answer:
    """A row about one policy; `fault` is the sentence of the finding, None when it is sound."""
    quoted = (
        policy.name
        if policy.name.isidentifier() and policy.name.islower()
        else '"' + policy.name.replace('"', '""') + '"'
    )
    place = DbObject("policy", f"{table.identity}.{quoted}", _PG_POLICY, policy.oid, relation=table.identity)
    state = State.FAIL if fault else State.OK
    return Answer(place.subject, state, fault or ok, place, severity=severity, evidence=evidence)


ROLE_OF = {"anon": "anon", "stranger": "authenticated"}
_PG_POLICY = 3256  # the oid of pg_catalog.pg_policy, fixed in every PostgreSQL
PG_CLASS = 1259  # likewise of pg_catalog.pg_class


def table_place(table: Table, aspect: str = "definition") -> DbObject:
    return DbObject("table", table.identity, PG_CLASS, table.oid, aspect=aspect)


def open_by_its_words(policy: Policy) -> bool:
    """Always true, or decided by the row's own columns alone (`published = true`)."""
    clauses = [text for text in (policy.using, policy.check) if text]
    return any(truth_of(text).value is True or only_own_columns(text) for text in clauses)


def to_blame(table: Table, callers: set[str], commands: set[str]) -> DbObject:
    """Where to look when callers got through: what switched row level security off, the policy that let them in, or
    the table when several policies may have done so.
    """
    if not table.rls:
        return table_place(table, aspect="rls")
    roles = {"public", *(ROLE_OF[caller] for caller in callers)}
    passing = [
        policy
        for policy in table.policies
        if policy.permissive and roles & set(policy.roles) and policy.command in {"all", *commands}
    ]
    passing = [policy for policy in passing if open_by_its_words(policy)] or passing
    if len(passing) != 1:
        return table_place(table)
    return DbObject("table", table.identity, _PG_POLICY, passing[0].oid)
