"""Policies that decide by the caller's email address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import policy_answer, read_policies
from auditor.facts.policy_bindings import equalities
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.policy_terms import Term
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    for table, policy, clauses in read_policies(database):
        gates = [kind for term in clauses.both for kind in email_gates(term)]
        fault = None
        if "pattern" in gates:
            fault = "lets callers through by a pattern of their email address"
        elif gates:
            fault = "decides by the caller's email address, which can change and can be claimed before it is confirmed"
        severity = Severity.MEDIUM if {"pattern", "constant"} & set(gates) else Severity.LOW
        ok = "does not decide by an email address"
        yield policy_answer(table, policy, fault, ok=ok, severity=severity, evidence=",".join(sorted(set(gates))))


def email_gates(term: Term) -> Iterator[str]:
    """`pattern`, `constant` or `column`: what the caller's address is compared with."""
    for part in term.walk():
        if part.kind == "op" and part.name in {"~~", "~~*", "~", "~*"} and _is_email(part.args[0]):
            yield "pattern"
        if part.kind in {"any", "in"} and _is_email(part.args[0]):
            yield "constant" if part.args[1].kind == "list" else "column"
    for one, other in equalities(term):
        if _is_email(one) or _is_email(other):
            yield "constant" if "const" in {one.kind, other.kind} else "column"


def _is_email(term: Term) -> bool:
    """`auth.email()` or the claim `email`, also in lower case or split at the @."""
    if term.kind == "call" and term.name in {"lower", "upper", "split_part", "right", "btrim", "substring"}:
        return _is_email(term.args[0])
    if term.kind == "op" and term.name == "->>":
        return term.args[1].name == "'email'" and bool({"auth.jwt", "current_setting"} & term.args[0].calls)
    if term.kind == "scalar":  # (select email from auth.users where id = auth.uid())
        return "auth.users" in term.relations and any(part.name.endswith(".email") for part in term.args[0].args)
    return term.kind == "call" and term.name == "auth.email"
