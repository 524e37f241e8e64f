"""Write policies that anonymous users pass, where the project lets users sign in anonymously."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import Clauses, policy_answer, read_policies
from auditor.facts.policy_bindings import bound_columns
from auditor.facts.policy_outcomes import SOME, TRUE, Caller, outcomes
from auditor.facts.policy_terms import terms_of
from auditor.facts.supabase_config import ConfigError, read_config, setting
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.schema import Policy, Table
    from auditor.model import Answer
    from auditor.sources.database import Database

_ANONYMOUS = Caller(
    frozenset({"'authenticated'"}), frozenset({SOME}), email=frozenset({"null"}), anonymous=frozenset({"'true'"})
)


def ask(database: Database) -> Iterator[Answer]:
    if not _enabled(database):
        return
    for table, policy, clauses in read_policies(database):
        if not policy.permissive or not policy.writes or not {"public", "authenticated"} & set(policy.roles):
            continue
        bound = all(bound_columns(term) != frozenset() for term in clauses.both)
        passes = _passes(clauses) and not _held_back(table, policy)
        fault = "users who signed in anonymously pass it like any other: nothing asks for is_anonymous"
        severity = Severity.INFO if bound else Severity.MEDIUM  # own rows are what anonymous users are for
        ok = "anonymous users do not pass it"
        yield policy_answer(table, policy, fault if passes else None, ok=ok, severity=severity, evidence="is_anonymous")


def _enabled(database: Database) -> bool:
    try:
        config = read_config(database.config)
        return setting(config, "auth.enable_anonymous_sign_ins") is True
    except ConfigError:
        return False


def _passes(clauses: Clauses) -> bool:
    return all(TRUE in outcomes(term, _ANONYMOUS) for term in clauses.both)


def _held_back(table: Table, policy: Policy) -> bool:
    """Whether a restrictive policy stops anonymous users."""
    for other in table.policies:
        text = other.using or other.check
        if not other.permissive and other.command in {"all", policy.command} and text:
            term = terms_of(text, table.name)
            if term and TRUE not in outcomes(term, _ANONYMOUS):
                return True
    return False
