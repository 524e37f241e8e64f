"""A policy's predicate as alternatives, each a list of conditions: what is joined by OR, and in it by AND.

A policy is as wide as its widest alternative; a condition that any caller meets, or that looks at the row alone, does
not tell one caller from another.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from auditor.facts.predicates import looks_at_caller, truth_of

if TYPE_CHECKING:
    from typing import Any

_WRAPPED = re.compile(r"\(\s*SELECT\s+(auth\.\w+\(\))(?:\s+AS\s+\w+)?\s*\)", re.IGNORECASE)
_SIGNED_IN = re.compile(
    r"^\(*(?:NOT\s+\(?auth\.(?:uid|jwt)\(\)\s+IS\s+NULL|auth\.(?:uid|jwt)\(\)\s+IS\s+NOT\s+NULL|"
    r"auth\.role\(\)\s*(?:=|<>|!=)\s*(?:CAST\()?'(?:authenticated|anon)'(?:::text|\s+AS\s+TEXT\))?|"
    r"(?:CAST\()?'(?:authenticated|anon)'(?:::text|\s+AS\s+TEXT\))?\s*(?:=|<>|!=)\s*auth\.role\(\))\)*$",
    re.IGNORECASE,
)
_CALL = re.compile(r"([\w.]+)\s*\(")
_PLAIN_CALLS = {
    "storage.foldername", "storage.filename", "storage.extension", "lower", "upper", "length", "char_length", "any",
    "array_length", "coalesce", "split_part", "left", "right", "string_to_array", "cast", "in", "and", "or", "not",
    "array", "cardinality", "concat", "regexp_like", "starts_with",
}  # fmt: skip


@cache
def alternatives(predicate: str) -> tuple[tuple[str, ...], ...]:
    """The conditions of each alternative; one alternative with the whole predicate where it does not parse."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(predicate, read="postgres")
        return tuple(_conditions(part) for part in _split(tree, exp.Or))
    except (SqlglotError, RecursionError):
        return ((predicate,),)


def _conditions(tree: Any) -> tuple[str, ...]:  # noqa: ANN401 - an expression of sqlglot
    from sqlglot import exp

    return tuple(_WRAPPED.sub(r"\1", part.sql(dialect="postgres")) for part in _split(tree, exp.And))


def _split(tree: Any, joint: type[Any]) -> list[Any]:  # noqa: ANN401 - an expression of sqlglot
    inner = tree.unnest()
    if not isinstance(inner, joint):
        return [inner]
    return [leaf for side in (inner.this, inner.expression) for leaf in _split(side, joint)]


def anybody_meets(condition: str) -> bool:
    """Constantly true, or true for everybody who is signed in."""
    return truth_of(condition).value is True or bool(_SIGNED_IN.match(condition.strip()))


def keeps_anon_out(condition: str) -> bool:
    """Whether it asks for a sign-in, and for nothing else."""
    return bool(_SIGNED_IN.match(condition.strip())) and not re.search(r"(?<![<!>])=\s*\W*(?:CAST\()?'anon'", condition)


def about_row_only(condition: str) -> bool:
    """Decided by the row's own columns and constants: no caller, no other table, no function of the application."""
    calls = {name.lower() for name in _CALL.findall(condition)}
    return not looks_at_caller(condition) and "select" not in condition.lower() and calls <= _PLAIN_CALLS


def open_to_anybody(predicate: str | None, *, signed_in: bool) -> bool:
    """Whether some alternative lets in whoever asks, or, if not `signed_in`, whoever asks without a sign-in."""
    parts = alternatives(predicate) if predicate else ()
    wide = [part for part in parts if all(map(anybody_meets, part))]
    return any(signed_in or not any(map(keeps_anon_out, part)) for part in wide)
