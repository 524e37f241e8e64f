"""Policies for everybody whose predicate cannot hold for anon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import policy_answer, read_policies
from auditor.facts.policy_outcomes import ANON, TRUE, outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    for table, policy, clauses in read_policies(database):
        if not policy.permissive or "anon" not in database.api_roles:
            continue
        fault = None
        if "public" in policy.roles and any(TRUE not in outcomes(term, ANON) for term in clauses.both):
            fault = "it is for every role (no TO), although its condition can never hold for anon"
        yield policy_answer(table, policy, fault, ok="it is for roles that it can let through", evidence="public")
