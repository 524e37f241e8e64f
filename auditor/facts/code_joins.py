"""Texts that are put together, arithmetic of constants, and what is known where two ways meet."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.facts.code_values import (
    CLEAN,
    EVERYTHING,
    GUESSABLE,
    HOLE,
    NOTHING,
    SEGMENT,
    Env,
    Value,
    constant,
    is_cleared,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_TEXT = 300  # a constant text longer than this is not put together
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "*": operator.mul, "-": operator.sub, "+": operator.add, "<": operator.lt, ">": operator.gt, "<=": operator.le,
    ">=": operator.ge, "===": operator.eq, "==": operator.eq, "!==": operator.ne, "!=": operator.ne,
}  # fmt: skip
COMPARES = {"<", ">", "<=", ">=", "===", "==", "!==", "!=", "in", "not in", "is", "is not", "instanceof"}
_LARGE = 10**9
_SLASHES = ("/", "\\")


def joined(values: list[Value]) -> Value:
    """A text put together of others."""
    known = [value.const for value in values]
    if all(isinstance(one, int) for one in known) and not any(isinstance(one, bool) for one in known):
        return constant(sum(one for one in known if isinstance(one, int)))
    if all(one is not NOTHING for one in known):
        return constant("".join(map(str, known))[:_TEXT])
    dirty = [(value, _safe_among(values, n)) for n, value in enumerate(values) if value.taint]
    safe = frozenset.intersection(*(uses for _, uses in dirty)) if dirty else frozenset()
    taint = frozenset().union(*(value.taint for value, _ in dirty))
    return Value(taint, safe=safe, prefix=_prefix(values), built=True, args=tuple(values))


def _safe_among(values: list[Value], place: int) -> frozenset[str]:
    """The uses that a part is safe for: with text glued to it, what has no slash is a name and never `..`."""
    value = values[place]
    if SEGMENT not in value.safe:
        return value.safe
    before = values[place - 1].const if place else None
    after = values[place + 1].const if place + 1 < len(values) else None
    glued = (isinstance(before, str) and before[-1:] not in {"", *_SLASHES}) or (
        isinstance(after, str) and after[:1] not in {"", *_SLASHES}
    )
    return value.safe | {"path"} if glued else value.safe


def guessable(values: Iterable[Value]) -> Value:
    """A number made of others: of all that is known of them, only that somebody can guess it."""
    return Value(frozenset(path for value in values for path in value.taint if path.startswith(GUESSABLE)))


def _prefix(values: list[Value]) -> str:
    prefix = ""
    for value in values:
        if isinstance(value.const, str | int | float):
            prefix += str(value.const)
            continue
        return prefix + value.prefix
    return prefix


def folded(op: str, left: object, right: object) -> Value:
    if op == "in" and isinstance(left, str) and isinstance(right, str):
        return constant(left in right)
    numbers = all(isinstance(one, int | float) and abs(one) < _LARGE for one in (left, right))
    texts = isinstance(left, str) and isinstance(right, str)
    if op not in _ARITHMETIC or not (numbers or (texts and op in COMPARES)):
        return Value()
    return constant(_ARITHMETIC[op](left, right))


def merged(one: Env, other: Env) -> Env:
    """The variables after two ways have met; what was checked on one way only was not checked."""
    names = dict(one.names)
    for name, value in other.names.items():
        known = names.get(name)
        if known is None or _unchanged(known, value):
            names[name] = value
        else:
            names[name] = union([settled(known, one), settled(value, other)])
    return Env(names, _both(one.cleared, other.cleared), one.function, one.outer, one.has_members or other.has_members)


def settled(value: Value, env: Env) -> Value:
    """A value without the data that was checked on its way, since the check does not hold where the ways meet."""
    if not value.taint:
        return value
    left = frozenset(path for path in value.taint if not is_cleared(env.cleared, path, EVERYTHING))
    uses = frozenset(use for path in value.taint for use in env.cleared.get(path, CLEAN))
    return replace(value, taint=left, safe=value.safe | uses, prefix=value.prefix if left else HOLE)


def _unchanged(one: Value, other: Value) -> bool:
    """Whether two values are the same, or two copies of one container that nothing was written to."""
    if one is other:
        return True
    container = one.items is not None or one.keys is not None
    return container and one.items == other.items and one.keys == other.keys and one.taint == other.taint


def _both(one: dict[str, frozenset[str]], other: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    if one is other:
        return one
    cleared = {path: one[path] & other[path] for path in one.keys() & other.keys()}
    return {path: uses for path, uses in cleared.items() if uses}
