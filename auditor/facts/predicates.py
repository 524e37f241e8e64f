"""What a policy's predicate says: constant, or undecided; and which parts of the caller it looks at.

`sqlglot` simplifies; what it leaves alone (`id = id`, `(select true)`, `coalesce(true, …)`, casts of constants,
`a is null or a is not null`) is rewritten first. What stays undecided is not called safe: the probes decide it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlglot.expressions import Expression

_AUTH = re.compile(
    r"\bauth\.(?:uid|jwt|role|email)\s*\(|request\.jwt|\bcurrent_setting\s*\(|\bcurrent_user\b|\bsession_user\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Truth:
    """`value` is True or False when the predicate is constant, None when undecided.

    `unless_null` names columns on which a constant truth depends: `id = id` holds unless id is null.
    """

    value: bool | None
    unless_null: tuple[str, ...] = ()


@cache
def truth_of(predicate: str) -> Truth:
    """Whether a predicate, as `pg_get_expr` writes it, is the same for every row and caller."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.simplify import simplify

    nullable: list[str] = []
    try:
        tree = sqlglot.parse_one(predicate, read="postgres")
        for _ in range(4):  # each round may open up another: ((select (1 = 1)) or …)
            before = tree.sql()
            tree = simplify(tree.transform(lambda node: _rewrite(node, nullable)), dialect="postgres")
            if tree.sql() == before:
                break
    except (SqlglotError, RecursionError):
        return Truth(None)
    while isinstance(tree, exp.Paren):
        tree = tree.this
    if isinstance(tree, exp.Boolean):
        return Truth(bool(tree.this), tuple(dict.fromkeys(nullable)))
    return Truth(None)


def _rewrite(node: Expression, nullable: list[str]) -> Expression:
    for rule in _RULES:
        if (replaced := rule(node, nullable)) is not None:
            return replaced
    return node


def _constant_cast(node: Expression, _: list[str]) -> Expression | None:
    from sqlglot import exp

    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Boolean | exp.Literal):
        if isinstance(node.this, exp.Boolean):
            return node.this
        if node.to.is_type("boolean") and node.this.this.lower() in {"t", "true", "1", "yes", "on"}:
            return exp.true()
        if node.to.is_type("boolean"):
            return exp.false()
        return node.this
    return None


def _wrapped_select(node: Expression, _: list[str]) -> Expression | None:
    """`(select true)`: a scalar sub-select of nothing but a constant."""
    from sqlglot import exp

    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Select):
        select = node.this
        plain = len(select.expressions) == 1 and not any(
            select.args.get(k) for k in ("from", "from_", "where", "joins", "group")
        )
        inner = select.expressions[0].unalias() if plain else None
        if isinstance(inner, exp.Boolean | exp.Literal | exp.Paren | exp.Connector | exp.Condition) and not inner.find(
            exp.Func, exp.Column
        ):
            return exp.paren(inner.copy())
    return None


def _coalesce(node: Expression, _: list[str]) -> Expression | None:
    from sqlglot import exp

    if isinstance(node, exp.Coalesce) and isinstance(node.this, exp.Boolean | exp.Literal):
        return node.this
    return None


def _same_sides(node: Expression, nullable: list[str]) -> Expression | None:
    """`id = id`, `id >= id`: true unless null."""
    from sqlglot import exp

    if isinstance(node, exp.EQ | exp.GTE | exp.LTE) and node.this == node.expression and not _volatile(node.this):
        nullable.extend(column.sql() for column in node.find_all(exp.Column))
        return exp.true()
    return None


def _volatile(node: Expression) -> bool:
    from sqlglot import exp

    return node.find(exp.Subquery, exp.Func) is not None


def _null_or_not(node: Expression, _: list[str]) -> Expression | None:
    """`a is null or a is not null`."""
    from sqlglot import exp

    if not isinstance(node, exp.Or):
        return None
    tests = [
        part
        for item in node.flatten()
        if isinstance(part := item.unnest(), exp.Is) and isinstance(part.expression, exp.Null)
    ]
    nulls = {part.this for part in tests if not part.args.get("negate")}
    others = {part.this for part in tests if part.args.get("negate")}
    return exp.true() if nulls & others else None


_RULES: tuple[Callable[[Expression, list[str]], Expression | None], ...] = (
    _constant_cast,
    _wrapped_select,
    _coalesce,
    _same_sides,
    _null_or_not,
)


def looks_at_caller(predicate: str) -> bool:
    """Whether a predicate reads anything of the caller: a claim, the user's id, the role, or a setting."""
    return bool(_AUTH.search(predicate))


def only_own_columns(predicate: str) -> bool:
    """Whether it decides by the row's own columns alone: no caller, no other table, no function of the application."""
    called = re.findall(r"\b([\w.]+)\s*\(", predicate)
    harmless = {
        "now",
        "lower",
        "upper",
        "coalesce",
        "any",
        "array",
        "length",
        "char_length",
        "in",
        "and",
        "or",
        "not",
    }
    return (
        not looks_at_caller(predicate)
        and "select" not in predicate.lower()
        and all(c.lower() in harmless for c in called)
    )


_SYNTAX = {"in", "any", "exists", "and", "not", "where", "from", "select", "join", "on"}
_PUBLISHES = re.compile(
    r"(?i)\b(?:from|join)\s+\(*\s*(?:\w+\.)?\"?(\w*(?:public|publish|shar(?:e|ed|es|ing)(?![a-z])|embed)\w*)"
)


def published_by(predicate: str) -> str:
    """The table whose rows publish others: `id in (select board_id from shared_boards)`, without a look at the caller.

    An empty text where a predicate asks for anything else.
    """
    tables = _PUBLISHES.findall(predicate)
    asks = {called.lower() for called in re.findall(r"\b([\w.]+)\s*\(", predicate)} - _SYNTAX
    return (
        tables[-1] if tables and not asks and not looks_at_caller(predicate) and " or " not in predicate.lower() else ""
    )
