"""The bounds of a table's partitions as one more check: a row that lies in none of them is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.policy_terms import terms_of
from auditor.facts.row_checks import Check

if TYPE_CHECKING:
    from auditor.facts.schema import Table

_KEY = re.compile(r'^(?:RANGE|LIST) \(((?:\w+|"[^"]+")(?:, (?:\w+|"[^"]+"))*)\)$')
_PART = re.compile(r"'(?:[^']|'')*'|[^\s,']+")
_RANGE = re.compile(r"^FOR VALUES FROM \((.*)\) TO \((.*)\)$", re.DOTALL)
_LIST = re.compile(r"^FOR VALUES IN \((.*)\)$", re.DOTALL)


def bound_check(table: Table) -> list[Check]:
    """For a key of columns; where a default partition takes every row there is nothing to check."""
    key = _KEY.match(table.partition_key)
    if not key or "DEFAULT" in table.bounds.values():
        return []
    tests = [_test(key[1], bound) for bound in table.bounds.values()]
    term = terms_of(" or ".join(f"({test})" for test in tests), table.name)
    return [Check("partition bounds", term, term.own_columns)] if term else []


def _test(key: str, bound: str) -> str:
    if match := _LIST.match(bound):
        return f"{key} in ({match[1]})"
    match = _RANGE.match(bound)
    if not match:
        return "true"
    if "," in key:
        return _first_row(key.split(", "), match[1])
    sides = [(">=", match[1]), ("<", match[2])]
    return (
        " and ".join(f"{key} {sign} {value}" for sign, value in sides if value not in {"MINVALUE", "MAXVALUE"})
        or "true"
    )


def _first_row(columns: list[str], start: str) -> str:
    """A range of several columns takes the row that it starts with; one that starts nowhere is left to the server."""
    values = _PART.findall(start)
    if len(values) != len(columns) or {"MINVALUE", "MAXVALUE"} & set(values):
        return "true"
    return " and ".join(f"{column} = {value}" for column, value in zip(columns, values, strict=True))
