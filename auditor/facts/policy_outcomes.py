"""What a predicate can come out as for a given caller: an evaluation over sets of possible values.

A value is `null`, `true`, `false`, a constant as it is written, `jwt`, or `*` for anything that is not null. A
predicate whose only outcome is `true` says nothing of the row; one without `true` lets nobody in. Sets only ever grow
where something is not understood, so what they exclude is excluded.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from auditor.facts.policy_terms import NULL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from auditor.facts.policy_terms import Term

Values = frozenset[str]
TRUE, FALSE, SOME, JWT = "true", "false", "*", "jwt"
_ANY: Values = frozenset({NULL, SOME})
_NONE: Values = frozenset({NULL})
_BOOLEAN = {TRUE: (TRUE,), "'true'": (TRUE,), "'t'": (TRUE,), FALSE: (FALSE,), "'false'": (FALSE,), "'f'": (FALSE,)}
_NOT = {TRUE: FALSE, FALSE: TRUE, NULL: NULL}
_SUBJECT = {"request.jwt.claim.sub"}
_ROLE = {"request.jwt.claim.role", "role"}
_ORDERS = {"<", "<=", ">", ">=", "~", "~*", "~~", "~~*", "@>", "<@", "?", "?|", "?&", "&&"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the role of the token, and what is known of its user."""

    role: Values
    user: Values
    email: Values = _ANY
    anonymous: Values = _ANY


ANON = Caller(frozenset({"'anon'"}), _NONE, _NONE, _NONE)
SIGNED_IN = Caller(
    frozenset({"'authenticated'"}), frozenset({SOME}), frozenset({SOME}), frozenset({"'false'"})
)  # an ordinary user, who has an email address and is not anonymous
ANYBODY = Caller(_ANY, _ANY)


def caller_of(role: str) -> Caller:
    if role == "anon":
        return ANON
    return SIGNED_IN if role == "authenticated" else Caller(frozenset({f"'{role}'"}), _ANY)


def outcomes(term: Term | None, caller: Caller) -> Values:
    """Which of true, false and null a predicate can be; all of them where there is no predicate to read."""
    return _booleans(values(term, caller)) if term else frozenset({TRUE, FALSE, NULL})


def values(term: Term, caller: Caller) -> Values:
    read = _READERS.get(term.kind)
    return read(term, caller) if read else _ANY


def _booleans(found: Iterable[str]) -> Values:
    named = {NULL: (NULL,)} | _BOOLEAN
    return frozenset(one for value in found for one in named.get(value, (TRUE, FALSE)))


def _const(term: Term, _: Caller) -> Values:
    return frozenset({term.name})


def _and(term: Term, caller: Caller) -> Values:
    rank = (FALSE, NULL, TRUE)
    return _joined(term, caller, lambda row: min(row, key=rank.index))


def _or(term: Term, caller: Caller) -> Values:
    rank = (FALSE, NULL, TRUE)
    return _joined(term, caller, lambda row: max(row, key=rank.index))


def _joined(term: Term, caller: Caller, join: Callable[[tuple[str, ...]], str]) -> Values:
    """Joined pair by pair: the product over all parts of a long condition would be too many."""
    found = outcomes(term.args[0], caller)
    for part in term.args[1:]:
        found = frozenset(join(pair) for pair in product(found, outcomes(part, caller)))
    return found


def _not(term: Term, caller: Caller) -> Values:
    return frozenset(_NOT[value] for value in outcomes(term.args[0], caller))


def _null_test(term: Term, caller: Caller) -> Values:
    found = {TRUE if value == NULL else FALSE for value in values(term.args[0], caller)}
    return frozenset(found if term.kind == "null" else {_NOT[value] for value in found})


def _truth_test(term: Term, caller: Caller) -> Values:
    wanted = FALSE if term.kind.endswith("false") else TRUE
    found = {TRUE if value == wanted else FALSE for value in outcomes(term.args[0], caller)}
    return frozenset({_NOT[value] for value in found} if term.kind.startswith("not") else found)


def _operator(term: Term, caller: Caller) -> Values:
    if term.name in {"->", "->>"}:
        return _member(term, caller)
    if len(term.args) == 1:
        return _ANY
    left, right = values(term.args[0], caller), values(term.args[1], caller)
    if term.name in {"=", "<>"}:
        same = _same(term.args[0], term.args[1], left, right)
        return same if term.name == "=" else frozenset(_NOT[value] for value in same)
    if term.name in _ORDERS:
        return _null_if_any(left, right) | ({TRUE, FALSE} if _NONE not in {left, right} else set())
    return _ANY


def _null_if_any(left: Values, right: Values) -> Values:
    return _NONE if NULL in left | right else frozenset()


def _same(one: Term, other: Term, left: Values, right: Values) -> Values:
    """The outcomes of `one = other`."""
    nulls = _null_if_any(left, right)
    if one == other and all(_steady(part) for part in one.walk()):
        return nulls | ({TRUE} if left != _NONE else set())
    found = {FALSE if a != b else TRUE for a, b in product(left - {NULL}, right - {NULL}) if SOME not in {a, b}}
    if any(SOME in {a, b} for a, b in product(left - {NULL}, right - {NULL})):
        found = {TRUE, FALSE}
    return nulls | found


def _steady(term: Term) -> bool:
    """Whether it has one value throughout a statement."""
    return term.kind not in {"call", "scalar"} or term.name.startswith("auth.") or term.name == "current_setting"


def _distinct(term: Term, caller: Caller) -> Values:
    left, right = values(term.args[0], caller), values(term.args[1], caller)
    if left == right == _NONE:
        found: Values = frozenset({FALSE})
    elif _NONE in {left, right} and NULL not in left & right:
        found = frozenset({TRUE})
    else:
        found = frozenset({TRUE, FALSE})
    return found if term.kind == "distinct" else frozenset(_NOT[value] for value in found)


def _member(term: Term, caller: Caller) -> Values:
    """A claim of the token."""
    document, key = term.args
    if JWT not in values(document, caller) or key.kind != "const":
        return _ANY
    known = {
        "'sub'": caller.user,
        "'role'": caller.role,
        "'email'": caller.email,
        "'is_anonymous'": caller.anonymous,
        "'aud'": caller.role,
    }
    return known.get(key.name, _ANY)


def _one_of(term: Term, caller: Caller) -> Values:
    """`a = any (array[…])`, `a in (…)`, `a <> all (…)`; also in a sub-select."""
    tested, among = term.args
    if among.kind != "list":
        return _in_select(tested, among, caller) if term.kind == "in" else frozenset({TRUE, FALSE, NULL})
    negative = term.name == "<>"
    left = values(tested, caller)
    found = [_same(tested, item, left, values(item, caller)) for item in among.args]
    each = {frozenset(_NOT[value] for value in one) if negative else one for one in found}
    rank = (FALSE, NULL, TRUE)
    pick = min if negative else max
    return frozenset(pick(row, key=rank.index) for row in product(*each)) if len(each) < 9 else frozenset({TRUE, FALSE})  # noqa: PLR2004 - three values each: the product stays small


def _in_select(tested: Term, select: Term, caller: Caller) -> Values:
    if _empty(select, caller):
        return frozenset({FALSE})
    return frozenset({FALSE, NULL}) if values(tested, caller) == _NONE else frozenset({TRUE, FALSE, NULL})


def _exists(term: Term, caller: Caller) -> Values:
    return frozenset({FALSE}) if _empty(term.args[0], caller) else frozenset({TRUE, FALSE})


def _scalar(term: Term, caller: Caller) -> Values:
    return _NONE if _empty(term.args[0], caller) and not _aggregates(term.args[0]) else _ANY


def _empty(select: Term, caller: Caller) -> bool:
    """Whether a sub-select can find no row for this caller."""
    return select.kind == "select" and bool(select.where) and TRUE not in outcomes(select.where, caller)


def _aggregates(select: Term) -> bool:
    """Whether there may be a row although none was found; a function that is not known may be an aggregate."""
    return any(part.kind == "call" for target in select.args for part in target.walk())


def _coalesce(term: Term, caller: Caller) -> Values:
    found: Values = frozenset()
    for part in term.args:
        one = values(part, caller)
        found |= one - {NULL}
        if NULL not in one:
            return found
    return found | {NULL}


def _nullif(term: Term, caller: Caller) -> Values:
    left, right = values(term.args[0], caller), values(term.args[1], caller)
    kept = left - right if SOME not in right else left
    return kept | ({NULL} if kept != left or SOME in right else set())


def _value(term: Term, caller: Caller) -> Values:
    return caller.role if term.name in {"current_user", "current_role", "user"} else frozenset({SOME})


def _call(term: Term, caller: Caller) -> Values:
    match term.name:
        case "auth.uid":
            return caller.user
        case "auth.role":
            return caller.role
        case "auth.jwt":
            return frozenset({JWT})
        case "auth.email":
            return caller.email
        case "current_setting":
            return _setting(term.args[0], caller)
    return frozenset({SOME}) if term.name in {"now", "random", "gen_random_uuid"} else _ANY


def _setting(name: Term, caller: Caller) -> Values:
    text = name.name.strip("'")
    if text in _SUBJECT:
        return frozenset({NULL, "''"}) if caller.user == _NONE else caller.user
    if text in _ROLE:
        return caller.role
    return frozenset({JWT}) if text == "request.jwt.claims" else _ANY


_READERS: dict[str, Callable[[Term, Caller], Values]] = {
    "const": _const,
    "and": _and,
    "or": _or,
    "not": _not,
    "null": _null_test,
    "notnull": _null_test,
    "true": _truth_test,
    "false": _truth_test,
    "nottrue": _truth_test,
    "notfalse": _truth_test,
    "op": _operator,
    "distinct": _distinct,
    "notdistinct": _distinct,
    "any": _one_of,
    "all": _one_of,
    "in": _one_of,
    "exists": _exists,
    "scalar": _scalar,
    "coalesce": _coalesce,
    "nullif": _nullif,
    "value": _value,
    "call": _call,
}
