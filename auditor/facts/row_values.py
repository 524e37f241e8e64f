"""Candidate values for a column: what its CHECK constraints ask for first, then what its type takes."""

# ruff: noqa: E501 - tables are easier to read in long lines

from __future__ import annotations

import json
import re
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from auditor.facts.row_checks import constant, value_of
from auditor.facts.row_operators import elements, like, number
from auditor.facts.row_patterns import read_pattern, samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.facts.policy_terms import Term
    from auditor.facts.row_checks import Check
    from auditor.facts.rows import World
    from auditor.facts.schema import Column, Table

_MOST = 80
_LONGEST = 2_000
_PRIVATE = ("draft", "private", "pending", "inactive", "unpublished", "hidden", "member", "user", "viewer")
_PLATFORM = re.compile(r"(?i)\b(?:root|system|super_?users?|(?:super|sys|platform|global)[_ -]?admins?)\b")
_PRIVILEGED = re.compile(r"(?i)(?:^|_|\b)(?:admin\w*|moderator|manager|staff|owner|editor|support|operator)(?:_|\b)")
_WORDS = ("audit", "audit-row", "abc", "a@example.com", "https://example.com/a", "#a1b2c3", "+15555550100", "USD", "US", "en",
          "12:00", "2026-01-01", "/a", "en-US", "A", "1", "", "00000000000")  # fmt: skip
_NUMBERS = (1, 0, 2, 5, 10, 50, 100, 1000, 12, 2026, 0.5, -1)
_DAYS = ("2026-01-{:02}", "2030-01-{:02}", "2020-01-{:02}", "2026-02-{:02}")
_FIXED: dict[str, tuple[Any, ...]] = {
    "bytea": ("\\x61",), "macaddr": ("08:00:2b:01:02:{:02x}",), "macaddr8": ("08:00:2b:01:02:03:04:{:02x}",),
    "inet": ("192.0.2.{}",), "cidr": ("192.0.2.{}/32",), "interval": ("1 day", "1 hour", "30 days"),
    "time without time zone": ("12:00", "18:00", "06:00"), "time with time zone": ("12:00+00", "18:00+00", "06:00+00"),
    "tsvector": ("",), "tsquery": ("a",), "xml": ("<a/>",), "point": ("({},0)",), "ltree": ("a",), "hstore": ("",), "oid": (1,),
    "regclass": ("pg_class",), "money": ("1",), "name": ("audit",), "box": ("({0},{0}),({1},{1})",), "circle": ("<({},0),0.1>",),
    "path": ("((0,0),(1,1))",), "polygon": ("((0,0),(1,1))",), "line": ("{{1,1,1}}",), "lseg": ("[(0,0),(1,1)]",),
    "pg_lsn": ("0/0",), "txid_snapshot": ("1:1:",), "geometry": ("POINT(0 0)",), "geography": ("POINT(0 0)",),
}  # fmt: skip
_RANGES = {"int4": "[{0},{1})", "int8": "[{0},{1})", "num": "[{0},{1})", "date": "[2026-01-{0:02},2026-01-{1:02})",
           "ts": "[2026-01-{0:02},2026-01-{1:02})", "tstz": "[2026-01-{0:02} 00:00+00,2026-01-{1:02} 00:00+00)"}  # fmt: skip
_VECTOR = re.compile(r"(?:\w+\.)?(?:vector|halfvec)\b(?:\((\d+)\))?")
_PRECISION = re.compile(r"numeric\((\d+),(-?\d+)\)")


def candidates(table: Table, column: Column, world: World, checks: Sequence[Check] = ()) -> list[Any]:
    """Values worth trying, the likeliest first, no value twice."""
    terms = [check.term for check in checks if column.name in check.columns]
    asked = [value for term in terms for value in _asked(term, column, world)]
    usual = _usual(table, column, world)
    if column.elements and not _is_array(column):
        return usual
    if column.category == "S":
        found: list[Any] = [*_least_first([v for v in asked if isinstance(v, str)], table), *usual]
        found = [_fitting(value, column) for value in [*found, *_lengths(terms, world), *_cases(terms, found)]]
    elif column.category == "N":
        found = [value for value in map(number, asked) if value is not None]
        found = [_plain(value) for value in [*usual[:1], *found, *_between(found), *usual[1:]]]
    elif _is_array(column):
        found = [*_arrays(column, asked, terms), *usual]
    else:
        fitting = [
            value for value in asked if isinstance(value, str) and (not _is_json(column) or _reads_as_json(value))
        ]
        found = [*usual[:1], *fitting, *usual[1:], *_bytes(column, terms, world)]
    return _once(found)[:_MOST]


def _is_json(column: Column) -> bool:
    return column.type in {"json", "jsonb"}


def _reads_as_json(value: str) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def _bytes(column: Column, terms: Sequence[Term], world: World) -> list[str]:
    """As many bytes as a check asks for."""
    return [f"\\x{0x61 + world.number:02x}" + "61" * (n - 1) for n in _sizes(terms) if n and column.type == "bytea"]


def _once(values: Iterable[Any]) -> list[Any]:
    return list({json.dumps(value, default=str): value for value in values}.values())


def _private_first(labels: Sequence[str]) -> list[str]:
    """A row that its owner did not publish tells more than one that everybody may see."""
    order = {label: position for position, label in reversed(list(enumerate(labels)))}
    return sorted(order, key=lambda label: (label.lower() not in _PRIVATE, order[label]))


def _least_first(labels: Sequence[str], table: Table) -> list[str]:
    """A user who was made an administrator proves nothing by what he reaches: such a label is the last to be tried."""
    return sorted(_private_first(labels), key=lambda label: _power(label, table))


def _power(label: str, table: Table) -> int:
    """Whoever founds a tenant owns it; what a table of users alone calls an owner is one everywhere."""
    if _PLATFORM.search(label):
        return 2
    within = len({key.target for key in table.foreign_keys}) > 1
    return int(not within and _PRIVILEGED.search(label) is not None)


def _is_array(column: Column) -> bool:
    return column.category == "A" or column.type.endswith("[]")


def _usual(table: Table, column: Column, world: World) -> list[Any]:
    """What the type takes, made the world's own so that unique columns hold for two worlds."""
    kind = column.type.rpartition(".")[2]
    if _is_array(column):
        return ["{}", "{" + _element(column) + "}"]
    if column.elements:
        return _least_first(column.elements, table)
    return _of_type(table, column, kind, world) or _by_category(column, kind, world)


def _of_type(table: Table, column: Column, kind: str, world: World) -> list[Any]:
    if column.category == "B":
        return [False, True]
    if kind == "uuid":
        return [world.uuid(f"{table.identity}.{column.name}"), world.uuid(f"{table.identity}.{column.name}.2")]
    if kind in {"json", "jsonb"}:
        return ["{}", "[]", '"a"', "1", "true", '["a"]', '{"a": "b"}']
    if kind in _FIXED:
        return [_numbered(value, world.number) for value in _FIXED[kind]]
    if match := _VECTOR.match(column.declared or column.type):
        sizes = [int(match[1])] if match[1] else [1536, 768, 384, 1024, 3072, 3]
        return ["[" + ",".join(["0.1"] * size) + "]" for size in sizes]
    return []


def _by_category(column: Column, kind: str, world: World) -> list[Any]:
    match column.category:
        case "N":
            return [*_NUMBERS, 900_100 + world.number, 1_100 + world.number, 20 + world.number]
        case "D":
            days = [day.format(1 + world.number) for day in _DAYS]
            return days if kind == "date" else [*(f"{day} 00:00:00+00" for day in days), f"{days[0]} 01:00:00+00"]
        case "R":
            return _ranges(kind, world)
        case "C":
            return ["(" + "," * (max(column.fields, 1) - 1) + ")"]
        case "V":
            return ["1" * int((re.search(r"\((\d+)\)", column.declared) or ["", "1"])[1])]
    return [_own(word, column, world) for word in _WORDS]


def _ranges(kind: str, world: World) -> list[Any]:
    """Ranges of two worlds do not overlap; "empty" is a value of every range type."""
    pattern = _RANGES.get(kind.replace("multirange", "").removesuffix("range"), "empty")
    text = pattern.format(1 + world.number, 2 + world.number)
    return [f"{{{text}}}" if "multirange" in kind and text != "empty" else text, "empty"]


def _numbered(value: Any, position: int) -> Any:  # noqa: ANN401 - any SQL value
    return value.format(position + 1, position + 2) if isinstance(value, str) else value


def _own(word: str, column: Column, world: World) -> str:
    if word == "audit" and re.search("email", column.name, re.IGNORECASE):
        return world.email
    if word == "audit":
        return f"audit {world.name} {column.name}"
    if word == "audit-row":
        return f"audit-{world.name}-{column.name}".lower().replace("_", "-")
    if word in {"a@example.com", "https://example.com/a"}:
        return word.replace("a@", f"{world.name}@").replace("/a", f"/{world.name}")
    return word


def _fitting(value: str, column: Column) -> str:
    """Cut to the column's length; an address keeps its end, and what is cut keeps the world's letter."""
    if not column.length or len(value) <= column.length:
        return value
    short = value.removeprefix("audit ") if value.startswith("audit ") else value
    return short[: column.length]


def _element(column: Column) -> str:
    if column.elements:
        return json.dumps(column.elements[0])
    kind = column.type.removesuffix("[]").rpartition(".")[2]
    usual = {"uuid": str(uuid5(NAMESPACE_URL, "https://backend-audit.invalid/element")), "boolean": "false", "jsonb": '"{}"',
             "json": '"{}"', "date": "2026-01-01", "inet": "192.0.2.1"}  # fmt: skip
    if kind in usual:
        return usual[kind]
    if kind.startswith("timestamp"):
        return '"2026-01-01 00:00:00+00"'
    return "1" if kind in {"integer", "bigint", "smallint", "numeric", "real", "double precision"} else "audit"


# --- what checks ask for ---


def _asked(term: Term, column: Column, world: World) -> list[Any]:
    """Constants that a check holds against the column, and texts of the patterns that it has to match."""
    found: list[Any] = []
    for part in term.walk():
        if part.kind in {"op", "any", "all", "in", "distinct", "notdistinct"} and column.name in part.own_columns:
            found += _of_comparison(part, column, world)
        elif part.kind in {"true", "false"} and column.name in part.own_columns:
            found.append(part.kind == "true")
    return found


def _of_comparison(term: Term, column: Column, world: World) -> list[Any]:
    constants = [constant(leaf) for leaf in term.walk() if leaf.kind == "const"]
    worked_out = [value_of(arg, {}) for arg in term.args if arg.kind in {"op", "call"} and not arg.own_columns]
    constants = [*(value for value in worked_out if isinstance(value, str | Decimal)), *constants]
    if term.name in {"~", "~*", "~~", "~~*"}:
        return [text for value in constants if isinstance(value, str) for text in _matching(term.name, value, world)]
    found: list[Any] = []
    for value in constants:
        found += _around(value) if column.category in {"N", "D"} else [value]
        if _is_json(column) and isinstance(value, str):
            found += [json.dumps({value: ""}), json.dumps({value: {}}), json.dumps([value])]
    return [item for value in found for item in (elements(value) if term.kind in {"any", "all"} else None) or [value]]


def _matching(operator: str, value: str, world: World) -> list[str]:
    pattern = read_pattern(like(value) if "~~" in operator else value, any_case=operator.endswith("*"))
    return samples(pattern, world.number) if pattern else []


def _around(value: Any) -> list[Any]:  # noqa: ANN401 - any SQL value
    if (found := number(value)) is not None:
        return [found, found + 1, found - 1]
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value):
        year = int(value[:4])
        return [
            value,
            f"{year + 1:04}{value[4:10].replace('02-29', '02-28')}",
            f"{year - 1:04}{value[4:10].replace('02-29', '02-28')}",
        ]
    return [value]


def _between(numbers: list[Decimal]) -> list[Decimal]:
    return [(one + other) / 2 for one, other in pairwise(numbers)][:10]


def _plain(value: Any) -> Any:  # noqa: ANN401 - any SQL value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _sizes(terms: Iterable[Term]) -> list[int]:
    """The lengths that `length(x) >= 8` and its like speak of."""
    found: list[int] = []
    for term in terms:
        for part in term.walk():
            if part.kind == "op" and any(call.endswith(("length", "cardinality")) for call in part.calls):
                numbers = [number(leaf.name) for leaf in part.walk() if leaf.kind == "const"]
                found += [int(n) + step for n in numbers if n is not None for step in (0, 1, -1)]
    return [size for size in dict.fromkeys(found) if 0 <= size <= _LONGEST]


def _lengths(terms: Sequence[Term], world: World) -> list[str]:
    letter = chr(ord("a") + world.number)
    return [text for size in _sizes(terms) for text in (letter * size, f"{1 + world.number}" * size)]


def _cases(terms: Sequence[Term], values: Sequence[str]) -> list[str]:
    calls = {name for term in terms for name in term.calls}
    found = [value.upper() for value in values[:20]] if "upper" in calls else []
    return found + ([value.lower() for value in values[:20]] if "lower" in calls else [])


def _arrays(column: Column, asked: Sequence[Any], terms: Sequence[Term]) -> list[str]:
    singles = [json.dumps(value) for value in asked if isinstance(value, str) and not value.startswith("{")]
    first = singles[0] if singles else _element(column)
    sized = ["{" + ",".join([first] * size) + "}" for size in _sizes(terms) if size]
    if not column.not_null and not singles and not sized:
        return []
    return [*("{" + single + "}" for single in singles[:5]), *sized[:5]]


def fits(column: Column, value: Any) -> bool:  # noqa: ANN401 - any SQL value
    """Whether a number has room in `numeric(p, s)` and the integer types."""
    found = number(value) if column.category == "N" and not isinstance(value, bool) else None
    if found is None:
        return True
    if match := _PRECISION.match(column.declared):
        return abs(found) < Decimal(10) ** (int(match[1]) - int(match[2]))
    limits = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
    return abs(found) < limits.get(column.type, 10**40)
