"""Which columns of the row a predicate binds to the caller, in whichever branch lets an ordinary caller through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.policy_outcomes import ANON, SIGNED_IN, TRUE, outcomes, values
from auditor.facts.policy_terms import NULL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.facts.policy_terms import Term

Columns = frozenset[str]
_PLAIN = {
    "now",
    "lower",
    "upper",
    "length",
    "char_length",
    "btrim",
    "trim",
    "date_trunc",
    "array_length",
    "cardinality",
}
_SELECTS = {"exists", "scalar", "in", "any", "all"}


def bound_columns(term: Term) -> Columns | None:
    """Columns that every branch ties to the caller, or to rows that the caller may see; None: no branch is for him."""
    return _everywhere(term, _tied)


def own_row_columns(term: Term) -> Columns | None:
    """Columns that every branch holds equal to the caller's id."""
    return _everywhere(term, _equal_to_caller)


def _everywhere(term: Term, leaf: Callable[[Term], Columns]) -> Columns | None:
    if term.kind == "and":
        parts = [_everywhere(part, leaf) for part in term.args]
        return None if None in parts else frozenset().union(*(part for part in parts if part is not None))
    if term.kind == "or":
        found = [_everywhere(part, leaf) for part in term.args]
        kept = [part for part in found if part is not None]
        return frozenset.intersection(*kept) if kept else None
    return None if not _for_ordinary(term) else leaf(term)


def _for_ordinary(term: Term) -> bool:
    """Whether a condition can hold for a user without privileges: `is_admin()` cannot, `auth.uid() is not null` can."""
    found = outcomes(term, SIGNED_IN)
    return TRUE in found and (bool(term.own_columns) or found == {TRUE} or not asks_caller(term))


def asks_caller(term: Term) -> bool:
    return any(
        (part.kind == "call" and part.name not in _PLAIN) or part.kind in _SELECTS or part.kind == "value"
        for part in term.walk()
    )


def _tied(term: Term) -> Columns:
    return term.own_columns if asks_caller(term) and term.kind not in {"notnull", "null"} else frozenset()


def _equal_to_caller(term: Term) -> Columns:
    if term.kind == "op" and term.name == "=":
        for one, other in (term.args, term.args[::-1]):
            if one.kind == "own" and is_caller_id(other):
                return frozenset({one.name})
    if term.kind == "in" and term.args[1].kind == "list" and len(term.args[1].args) == 1:
        return _equal_to_caller_pair(term)
    return frozenset()


def _equal_to_caller_pair(term: Term) -> Columns:
    tested, among = term.args
    return frozenset({tested.name}) if tested.kind == "own" and is_caller_id(among.args[0]) else frozenset()


def is_caller_id(term: Term) -> bool:
    """Null when nobody is signed in, a value when somebody is: `auth.uid()`, the claim `sub`, and what returns them."""
    if not asks_caller(term) or any(part.kind in {"own", "column"} for part in term.walk()):
        return False
    return values(term, ANON) == {NULL} and NULL not in values(term, SIGNED_IN) and not _is_email(term)


def _is_email(term: Term) -> bool:
    return any(part.name in {"auth.email", "'email'"} for part in term.walk())


def equalities(term: Term) -> Iterator[tuple[Term, Term]]:
    """Every `a = b` below a term, also in its sub-selects."""
    for part in term.walk():
        if part.kind == "op" and part.name == "=":
            yield part.args[0], part.args[1]
