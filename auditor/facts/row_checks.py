"""CHECK constraints as terms over a row, and what they say of given values, as far as it can be known here."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import DecimalException
from typing import TYPE_CHECKING, Any

from auditor.facts.policy_terms import NULL, Term, terms_of
from auditor.facts.row_operators import FUNCTIONS, OPERATORS, UNKNOWN, compare, elements, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.facts.schema import Table

_DEFINITION = re.compile(r"^CHECK \((.*)\)(?: NO INHERIT)?(?: NOT VALID)?(?: NOT ENFORCED)?$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Check:
    """One CHECK constraint of a table, or of the domain of one of its columns."""

    name: str
    term: Term
    columns: frozenset[str]


def read_checks(table: Table) -> list[Check]:
    """What is refused when it is false; constraints that do not parse are left to the server. Instead of a generated
    column they speak of those that it is generated from.
    """
    found = [_check(name, definition, table.name) for name, definition in table.checks.items()]
    generated = {c.name: terms_of(c.default, table.name) for c in table.columns if c.generated and c.default}
    known = {name: term for name, term in generated.items() if term}
    found = [_worked_out(check, known) if check and known else check for check in found]
    for column in table.columns:
        for definition in column.checks:
            if check := _check(f"{column.domain} of {column.name}", definition, table.name):
                term = _renamed(check.term, column.name)
                found.append(Check(check.name, term, frozenset({column.name})))
    return [check for check in found if check]


def _check(name: str, definition: str, table: str) -> Check | None:
    match = _DEFINITION.match(definition.strip())
    term = terms_of(match[1], table) if match else None
    return Check(name, term, term.own_columns) if term else None


def _worked_out(check: Check, generated: Mapping[str, Term]) -> Check:
    term = _put_in(check.term, generated)
    return Check(check.name, term, term.own_columns)


def _put_in(term: Term, generated: Mapping[str, Term]) -> Term:
    if term.kind == "own" and term.name in generated:
        return generated[term.name]
    return replace(term, args=tuple(_put_in(arg, generated) for arg in term.args))


def _renamed(term: Term, column: str) -> Term:
    """A domain's check speaks of VALUE."""
    if term.kind == "own" and term.name == "value":
        return replace(term, name=column)
    return replace(term, args=tuple(_renamed(arg, column) for arg in term.args))


def value_of(term: Term, row: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any SQL value
    """The value of a term on a row, None for null, or UNKNOWN. Columns that the row does not have are unknown."""
    if term.kind == "own":
        return row.get(term.name, UNKNOWN)
    if term.kind == "const":
        return constant(term)
    if term.kind in {"and", "or", "not"}:
        return _logic(term, row)
    args = [value_of(arg, row) for arg in term.args]
    if term.kind == "list":
        return UNKNOWN if UNKNOWN in args else tuple(args)
    rule = _KINDS.get(term.kind)
    return rule(term, args) if rule else UNKNOWN


def constant(term: Term) -> Any:  # noqa: ANN401 - any SQL value
    if term.name == NULL:
        return None
    if term.name in {"true", "false"}:
        return term.name == "true"
    return term.name[1:-1] if term.name.startswith("'") else number(term.name)


def _logic(term: Term, row: Mapping[str, Any]) -> Any:  # noqa: ANN401 - True, False, None or UNKNOWN
    if term.name or not term.args:
        return UNKNOWN
    if term.kind == "not":
        value = value_of(term.args[0], row)
        return not value if isinstance(value, bool) else value
    decides = term.kind == "or"
    found: list[Any] = []
    for arg in term.args:
        value = value_of(arg, row)
        if value is decides:
            return decides
        found.append(value)
    return UNKNOWN if any(value is UNKNOWN for value in found) else None if None in found else not decides


def _null(term: Term, args: list[Any]) -> Any:  # noqa: ANN401
    return UNKNOWN if args[0] is UNKNOWN else (args[0] is None) == (term.kind == "null")


def _truth(term: Term, args: list[Any]) -> Any:  # noqa: ANN401
    if args[0] is UNKNOWN:
        return UNKNOWN
    wanted = term.kind.endswith("true")
    return (args[0] is wanted) != term.kind.startswith("not")


def _distinct(term: Term, args: list[Any]) -> Any:  # noqa: ANN401
    if UNKNOWN in args:
        return UNKNOWN
    same = args[0] is args[1] if None in args else compare("=", *args)
    return same if same is UNKNOWN else same == (term.kind == "notdistinct")


def _coalesce(_: Term, args: list[Any]) -> Any:  # noqa: ANN401
    return next((arg for arg in args if arg is not None), None)


def _any(term: Term, args: list[Any]) -> Any:  # noqa: ANN401
    """`x = any (array[…])`, `x in (…)`, and their opposites."""
    value, options = args
    if value is UNKNOWN or options is UNKNOWN or value is None:
        return None if value is None else UNKNOWN
    items = options if isinstance(options, tuple) else elements(options)
    if items is None or (term.kind == "in" and term.name not in {"=", "<>"}):
        return UNKNOWN
    if term.kind == "in" and term.name == "<>":
        return _merge([_operator("<>", [value, item]) for item in items], decides=False)
    return _merge([_operator(term.name, [value, item]) for item in items], decides=term.kind != "all")


def _merge(found: list[Any], *, decides: bool) -> Any:  # noqa: ANN401
    if decides in found:
        return decides
    return UNKNOWN if UNKNOWN in found else None if None in found else not decides


def _call(term: Term, args: list[Any]) -> Any:  # noqa: ANN401
    if UNKNOWN in args:
        return UNKNOWN
    if term.name in {"num_nonnulls", "num_nulls"}:
        return sum((arg is None) == (term.name == "num_nulls") for arg in args)
    if term.name not in FUNCTIONS:
        return UNKNOWN
    if None in args:
        return None
    try:
        return FUNCTIONS[term.name](*args)
    except (TypeError, ValueError, AttributeError, DecimalException, RecursionError):
        return UNKNOWN


def _operator_term(term: Term, args: list[Any]) -> Any:  # noqa: ANN401
    return _operator(term.name, args)


def _operator(name: str, args: list[Any]) -> Any:  # noqa: ANN401
    if any(arg is UNKNOWN for arg in args):
        return UNKNOWN
    if None in args:
        return None
    try:
        if name in {"=", "<>", "<", "<=", ">", ">="}:
            return compare(name, *args)
        return OPERATORS[name](*args) if name in OPERATORS else UNKNOWN
    except (TypeError, ValueError, AttributeError, DecimalException, RecursionError):
        return UNKNOWN


_KINDS: dict[str, Callable[[Term, list[Any]], Any]] = {
    "null": _null, "notnull": _null, "true": _truth, "nottrue": _truth, "false": _truth, "notfalse": _truth,
    "distinct": _distinct, "notdistinct": _distinct, "coalesce": _coalesce, "any": _any, "all": _any, "in": _any,
    "call": _call, "op": _operator_term,
}  # fmt: skip
