"""Policies that can never let anybody through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.catalog.policy_null_comparison import null_comparisons
from auditor.detectors.policies import policy_answer, reached_roles, read_policies
from auditor.facts.policy_outcomes import ANYBODY, TRUE, outcomes
from auditor.facts.policy_terms import terms_of
from auditor.facts.predicates import truth_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.policy_terms import Term
    from auditor.facts.schema import Policy, Table
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    for table, policy, clauses in read_policies(database):
        if not policy.permissive:
            continue
        texts = (policy.using, policy.check)
        guilty = [term for term, text in zip(clauses.both, filter(None, texts), strict=False) if _never(term, text)]
        plain = any(term.kind == "const" for term in guilty)  # written out: a deny that somebody meant
        undone = _undone_by(table, policy, database) if plain else ""
        fault = None
        if undone:
            fault = f"says false and denies nothing: the policy {undone} is joined to it by OR and lets callers in"
        elif guilty and not plain:
            fault = "its condition is false for every row and every caller: as a permissive policy it does nothing"
        ok = "nothing else lets in whom it denies" if plain else "its condition can hold"
        yield policy_answer(table, policy, fault, ok=ok, evidence="false")


def _undone_by(table: Table, policy: Policy, database: Database) -> str:
    """The first permissive policy for the same roles and commands that can hold."""
    roles = set(reached_roles(policy, database))
    for other in table.policies:
        covers = other.command in {"all", policy.command} or policy.command == "all"
        text = other.using or other.check
        if other.permissive and covers and text and roles & set(reached_roles(other, database)):
            term = terms_of(text, table.name)
            if term and term.kind != "const" and not _never(term, text):
                return other.name
    return ""


def _never(term: Term, text: str) -> bool:
    """A comparison with null has a rule of its own."""
    if any(null_comparisons(term)):
        return False
    return TRUE not in outcomes(term, ANYBODY) or truth_of(text).value is False
