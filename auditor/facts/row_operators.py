"""PostgreSQL functions and operators that CHECK constraints use, on values as they are written into an INSERT."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal, DecimalException
from functools import cache
from typing import TYPE_CHECKING, Any

from auditor.facts.row_patterns import matches, read_pattern

if TYPE_CHECKING:
    from collections.abc import Callable

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MAX_NUMBER = Decimal(10) ** 40


class _Unknown:
    """The value of what only the server can work out."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


def number(value: Any) -> Decimal | None:  # noqa: ANN401 - any SQL value
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        found = Decimal(str(value)[:60])
    except DecimalException:
        return None
    return found if found.is_finite() and abs(found) < _MAX_NUMBER else None


def elements(value: Any) -> tuple[Any, ...] | None:  # noqa: ANN401 - any SQL value
    """The elements of an array, given as the text that PostgreSQL reads; None for what is not that plain."""
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, str) or not re.fullmatch(r"\{[^{}\"\\]*\}", value):
        return None
    inner = value[1:-1]
    return tuple(None if item.strip().upper() == "NULL" else item.strip() for item in inner.split(",")) if inner else ()


def compare(name: str, left: Any, right: Any) -> Any:  # noqa: ANN401
    if isinstance(left, bool) or isinstance(right, bool):
        pair: tuple[Any, Any] | None = (left, right) if isinstance(left, bool) and isinstance(right, bool) else None
    else:
        pair = _numbers(left, right) or _times(left, right)
    if pair is None:
        if not (isinstance(left, str) and isinstance(right, str)) or name not in {"=", "<>"}:
            return UNKNOWN  # how texts are sorted is the server's own affair
        pair = (left, right)
    one, other = pair
    return {"=": one == other, "<>": one != other, "<": one < other, "<=": one <= other, ">": one > other,
            ">=": one >= other}[name]  # fmt: skip


def _numbers(left: Any, right: Any) -> tuple[Any, Any] | None:  # noqa: ANN401
    if isinstance(left, str) and isinstance(right, str):
        return None
    pair = number(left), number(right)
    return None if None in pair else pair


def _times(left: Any, right: Any) -> tuple[Any, Any] | None:  # noqa: ANN401
    if not all(isinstance(side, str) and _DATE.match(side) for side in (left, right)):
        return None
    one, other = (_moment(side) for side in (left, right))
    return (one, other) if one and other else None


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _regex(text: str, pattern: str, *, any_case: bool = False) -> Any:  # noqa: ANN401
    found = _pattern(pattern, any_case)
    result = matches(found, text) if found else None
    return UNKNOWN if result is None else result


@cache
def _pattern(text: str, any_case: bool) -> Any:  # noqa: ANN401
    return read_pattern(text, any_case=any_case)


def like(pattern: str) -> str:
    """The regular expression of a LIKE pattern."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    words = {"%": ".*", "_": "."}
    return "^" + "".join(words.get(part) or re.escape(part[-1]) for part in parts) + "$"


def _not(value: Any) -> Any:  # noqa: ANN401
    return value if value is UNKNOWN else not value


def _json(text: Any) -> Any:  # noqa: ANN401
    return json.loads(text) if isinstance(text, str) else text


def _json_type(text: Any) -> str:  # noqa: ANN401
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(_json(text)), "number")


def _member(text: Any, key: Any, *, as_text: bool) -> Any:  # noqa: ANN401
    found = _json(text)
    value = found.get(key) if isinstance(found, dict) and isinstance(key, str) else None
    plain = value is None or isinstance(value, str) or not as_text
    return value if plain else json.dumps(value)


def _count(value: Any, *_: Any) -> Any:  # noqa: ANN401
    items = elements(value)
    return UNKNOWN if items is None else len(items)


def _length_of_array(value: Any, *_: Any) -> Any:  # noqa: ANN401
    return _count(value) or None


def _within(left: Any, right: Any) -> Any:  # noqa: ANN401
    one = elements(left) if not isinstance(left, tuple) else left
    other = elements(right) if not isinstance(right, tuple) else right
    return UNKNOWN if one is None or other is None else set(one) <= set(other)


def _arithmetic(work: Callable[[Decimal, Decimal], Decimal]) -> Callable[..., Any]:
    def apply(left: Any, right: Any) -> Any:  # noqa: ANN401
        one, other = number(left), number(right)
        return work(one, other) if one is not None and other is not None else UNKNOWN

    return apply


def _length(text: str) -> int:
    """In characters; of bytes that are written in hexadecimal, in bytes."""
    return (len(text) - 2) // 2 if text.startswith("\\x") else len(text)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "length": _length, "char_length": len, "character_length": len, "octet_length": _length,
    "lower": str.lower, "upper": str.upper, "btrim": str.strip, "ltrim": str.lstrip, "rtrim": str.rstrip,
    "abs": lambda value: abs(Decimal(value)), "jsonb_typeof": _json_type, "json_typeof": _json_type,
    "jsonb_array_length": lambda text: len(list(_json(text))), "array_length": _length_of_array, "cardinality": _count,
    "starts_with": str.startswith, "mod": _arithmetic(lambda a, b: a % b),
}  # fmt: skip
OPERATORS: dict[str, Callable[..., Any]] = {
    "~": _regex, "~*": lambda text, pattern: _regex(text, pattern, any_case=True),
    "!~": lambda text, pattern: _not(_regex(text, pattern)),
    "!~*": lambda text, pattern: _not(_regex(text, pattern, any_case=True)),
    "~~": lambda text, pattern: _regex(text, like(pattern)),
    "~~*": lambda text, pattern: _regex(text, like(pattern), any_case=True),
    "!~~": lambda text, pattern: _not(_regex(text, like(pattern))),
    "+": _arithmetic(lambda a, b: a + b), "-": _arithmetic(lambda a, b: a - b), "*": _arithmetic(lambda a, b: a * b),
    "/": _arithmetic(lambda a, b: a / b), "%": _arithmetic(lambda a, b: a % b), "||": lambda a, b: f"{a}{b}",
    "?": lambda text, key: key in _json(text), "->>": lambda text, key: _member(text, key, as_text=True),
    "->": lambda text, key: _member(text, key, as_text=False), "<@": _within, "@>": lambda a, b: _within(b, a),
}  # fmt: skip
