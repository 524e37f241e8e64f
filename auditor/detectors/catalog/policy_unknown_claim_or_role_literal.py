"""Policies that wait for a role that no token of this backend can carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import policy_answer, read_policies
from auditor.facts.policy_bindings import equalities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.policy_terms import Term
    from auditor.model import Answer
    from auditor.sources.database import Database

_ROLES = " select r.rolname::text as name from pg_roles r"
# The platform's own, which a database without the platform's stand-in lacks.
_PLATFORM = {"anon", "authenticated", "service_role", "supabase_admin", "authenticator"}


def ask(database: Database) -> Iterator[Answer]:
    known = {row["name"] for row in database.select(_ROLES)} | _PLATFORM
    for table, policy, clauses in read_policies(database):
        wanted = {name for term in clauses.both for name in wanted_roles(term)}
        unknown = sorted(wanted - known)
        fault = f"waits for the role {unknown[0]!r} in the token, and no such role exists" if unknown else None
        yield policy_answer(table, policy, fault, ok="names no role that does not exist", evidence=",".join(unknown))


def wanted_roles(term: Term) -> Iterator[str]:
    """The constants that the role of the token is compared with."""
    pairs = list(equalities(term))
    for part in term.walk():
        if part.kind in {"any", "in"} and part.args[1].kind == "list":
            pairs += [(part.args[0], item) for item in part.args[1].args]
    for one, other in pairs:
        for role, literal in ((one, other), (other, one)):
            if _is_role(role) and literal.kind == "const" and literal.name.startswith("'"):
                yield literal.name.strip("'")


def _is_role(term: Term) -> bool:
    """`auth.role()`, or the claim `role` at the top of the token."""
    if term.kind == "call" and term.name == "auth.role":
        return True
    if term.kind == "op" and term.name == "->>" and term.args[1].name == "'role'":
        document = term.args[0]
        settings = {part.name for part in document.args if part.kind == "const"}
        return document.kind == "call" and (document.name == "auth.jwt" or "'request.jwt.claims'" in settings)
    return False
