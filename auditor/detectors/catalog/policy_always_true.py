"""Policies whose predicate holds for every row and every caller, parsed and simplified rather than compared as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.policies import exposed_policies, policy_answer, reached_roles
from auditor.facts.ownership import always_a_tenants, data_class, find_owned
from auditor.facts.predicates import truth_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.ownership import Owned
    from auditor.facts.schema import Policy, Table
    from auditor.model import Answer
    from auditor.sources.database import Database


# A name that promises a role which the policy does not name: it was meant for that role, and is open to everybody.
_FOR_ONE_ROLE = re.compile(r"service[ _-]?role|\badmins?\b", re.IGNORECASE)


def ask(database: Database) -> Iterator[Answer]:
    owned = find_owned(database.schema)
    for table, policy in exposed_policies(database):
        if not policy.permissive:
            continue
        clause = _always_true(policy)
        if clause is None:
            yield policy_answer(table, policy, None, ok="its predicate depends on the row or the caller")
            continue
        severity = _severity(table, policy, owned.get(table.oid), database)
        yield policy_answer(table, policy, _fault(policy, clause, database), severity=severity, evidence=clause)


def _always_true(policy: Policy) -> str | None:
    """The clause that is constantly true, as it would be written; None when there is none."""
    # An UPDATE without CHECK reuses USING, and a USING that holds back rows holds back what CHECK would let through.
    for name, text in (("using", policy.using), ("with check", policy.check)):
        if (
            text
            and truth_of(text).value is True
            and (name == "using" or policy.using is None or policy.command == "all")
        ):
            return f"{name} ({text.strip('()')})"
    return None


def _fault(policy: Policy, clause: str, database: Database) -> str:
    who = " and ".join(reached_roles(policy, database))
    verb = {
        "all": "read and write",
        "select": "read",
        "insert": "insert",
        "update": "change",
        "delete": "delete",
    }
    columns = truth_of(clause.partition(" (")[2][:-1]).unless_null
    unless = f" (unless {', '.join(columns)} is null)" if columns else ""
    return f"{clause} is true for every row{unless}: {who} may {verb[policy.command]} all rows"


def _severity(table: Table, policy: Policy, owned: Owned | None, database: Database) -> Severity:
    """Writing outweighs reading; reading is often meant, and then only what is personal or a tenant's matters."""
    if policy.command == "insert":
        open_to_anon = "anon" in reached_roles(policy, database)
        return Severity.HIGH if owned and open_to_anon else Severity.MEDIUM
    if policy.writes:
        return Severity.CRITICAL if "anon" in reached_roles(policy, database) else Severity.HIGH
    if data_class(table) == "secret" or _FOR_ONE_ROLE.search(policy.name):
        return Severity.HIGH
    if owned is None:
        return Severity.INFO
    if always_a_tenants(table, owned):
        return Severity.HIGH
    return Severity.MEDIUM if owned.tenant or data_class(table) == "personal" else Severity.LOW
