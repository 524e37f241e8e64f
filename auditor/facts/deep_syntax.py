"""Syntax trees that are too deep: refused before they end the process, or cut below a depth that protobuf reads.

Some fifty strings joined with `||` already make such a tree. What a statement is stands at the top of it, so the cut
loses operands of long expressions and nothing that decides how the statement is treated.
"""

from __future__ import annotations

import ctypes
import re
from typing import Any

_DEPTH = 80  # the reader gives up at 100
TOO_DEEP = "an expression too deep to parse"
_LEVELS = 10_000
_OPERATOR = re.compile(
    r"[-+*/<>=~!@#%^&|?:]+|\b(?:union|intersect|except|join|is|isnull|notnull|collate|at)\b", re.IGNORECASE
)
_TOKEN = re.compile(
    r"'(?:[^']|'')*'|\"[^\"]*\"|\$(\w*)\$.*?\$\1\$|--[^\n\r]*|/\*.*?\*/|[(),;]"
    r"|[-+*/<>=~!@#%^&|?:]+|\b(?:is|isnull|notnull|collate|at)\b|\b(?P<set>union|intersect|except|join)\b",
    re.IGNORECASE | re.DOTALL,
)
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def parse_tree(text: str) -> Any:  # noqa: ANN401 - a protobuf message
    """Like `postgast.parse`, for every depth. Raises PgQueryError where the grammar refuses the text."""
    import postgast
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return postgast.parse(text)
    except DecodeError:
        return postgast.ParseResult.FromString(_cut(_serialized(text), postgast.ParseResult.DESCRIPTOR, _DEPTH))


def _serialized(text: str) -> bytes:
    from postgast.native import lib

    result = lib.pg_query_parse_protobuf(text.encode())
    try:
        return ctypes.string_at(result.parse_tree.data, result.parse_tree.len)
    finally:
        lib.pg_query_free_protobuf_parse_result(result)


def _cut(data: bytes, descriptor: Any, depth: int) -> bytes:  # noqa: ANN401 - a protobuf descriptor
    """The message with every message below `depth` left out."""
    kept = bytearray()
    position = 0
    while position < len(data):
        start = position
        tag, position = _varint(data, position)
        field = descriptor.fields_by_number.get(tag >> 3)
        if tag & 7 != _LENGTH:
            position = _past(data, position, tag & 7)
            kept += data[start:position]
            continue
        length, position = _varint(data, position)
        body, position = data[position : position + length], position + length
        if field is None or field.message_type is None:
            kept += data[start:position]
        elif depth:
            inner = _cut(body, field.message_type, depth - 1)
            kept += _encoded(tag) + _encoded(len(inner)) + inner
    return bytes(kept)


def _past(data: bytes, position: int, wire: int) -> int:
    if wire == _VARINT:
        return _varint(data, position)[1]
    return position + {_FIXED64: 8, _FIXED32: 4}[wire]


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the bit that says more follows
            return value, position


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:  # noqa: PLR2004 - likewise
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def is_too_deep(text: str) -> bool:
    """Whether an expression may nest so deep that libpg_query, which calls itself per level, would end the process.

    An upper bound: every operator since the last comma counts as a level, and every join or union for good.
    """
    if sum(1 for _ in _OPERATOR.finditer(text)) < _LEVELS:
        return False
    levels, sets = [0], 0
    for match in _TOKEN.finditer(text):
        part = match[0]
        if part == "(":
            levels.append(0)
        elif part == ")" and len(levels) > 1:
            levels.pop()
        elif part in ",;":
            levels[-1] = 0
            sets = 0 if part == ";" else sets
        elif match["set"]:
            sets += 1
        elif part[0] not in "'\"$)" and not part.startswith(("--", "/*")):
            levels[-1] += 1
        if levels[-1] + sets + len(levels) > _LEVELS:
            return True
    return False
