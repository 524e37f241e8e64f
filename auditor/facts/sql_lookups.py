"""What a statement of SQL in a call chooses rows by: the table, and pairs of a column and the value it must have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

_TEXTS = {"string", "template_string", "binary_expression"}
_TABLE = re.compile(
    r"^[\s\"'`(]*(?:select\b.*?\bfrom|update|delete\s+from)\s+(?:only\s+)?[\"`]?(?:\w+\.)?[\"`]?(?P<table>\w+)",
    re.IGNORECASE | re.DOTALL,
)
_WHERE = re.compile(
    r"\bwhere\b(?P<where>.*?)(?:\bgroup\s+by\b|\border\s+by\b|\blimit\b|\breturning\b|\bfor\s+update\b|$)",
    re.IGNORECASE | re.DOTALL,
)
_PAIR = re.compile(
    r"^\(*\s*(?:[\"`]?\w+[\"`]?\.)?[\"`]?(?P<column>\w+)[\"`]?(?:::\w+)?\s*=\s*[\"']?\s*(?:\$(?P<number>\d+)|(?P<mark>\?)"
    r"|\$\{(?P<hole>.+)\})(?:::\w+)?\s*[\"'`;\s)]*$",
    re.DOTALL,
)
_CONSTANT = re.compile(
    r"^\(*\s*[\w.\"`]+\s*(?:(?:=|<>|!=|[<>]=?)\s*(?:'[^']*'|[\d.]+|true|false|now\(\))|is\s+(?:not\s+)?null)\s*\)*[\s;`]*$",
    re.IGNORECASE,
)
_MORE = ("ownerOrMore", "")


def statement(call: Node) -> str:
    """The text of the SQL that a call is given, with the holes of a template; empty where it is given none."""
    given = arguments_of(call)
    node: Node | None = given[0] if given else None
    if node is not None and node.type == "identifier":
        node = _declared(node)
    return _joined(node) if node is not None and node.type in _TEXTS else ""


def table_of(call: Node) -> str:
    """The table that the statement of a call reads or changes; empty where that is not told."""
    match = _TABLE.match(statement(call))
    return match["table"] if match else ""


def chosen_by(call: Node) -> list[tuple[str, str]] | None:
    """The conditions of a statement; None where a call has none."""
    text = statement(call)
    where = _WHERE.search(text) if _TABLE.match(text) else None
    if where is None:
        return None
    values = _values(call)
    marks = text.count("?", 0, where.start("where"))
    found: list[tuple[str, str]] = []
    for part in re.split(r"\band\b", where["where"], flags=re.IGNORECASE):
        match = None if re.search(r"\bor\b", part, re.IGNORECASE) else _PAIR.match(part.strip())
        if match is None:
            found += [] if _CONSTANT.match(part.strip()) else [_MORE]
            marks += part.count("?")
            continue
        number = int(match["number"]) - 1 if match["number"] else marks
        marks += match["mark"] is not None
        found.append((match["column"], match["hole"] or (values[number] if number < len(values) else "")))
    return found


def _values(call: Node) -> list[str]:
    """What is bound to the statement, in order."""
    given = arguments_of(call)
    if len(given) > 1 and given[1].type == "array":
        return [text_of(one) for one in given[1].named_children]
    return [text_of(one) for one in given[1:] if "function" not in one.type]


def _declared(name: Node) -> Node | None:
    """The value that a variable is declared with, in the blocks around."""
    outer, wanted = name.parent, text_of(name)
    while outer is not None:
        for child in outer.named_children if outer.type in {"statement_block", "program"} else ():
            for one in child.named_children if child.type.endswith("declaration") else ():
                if one.type == "variable_declarator" and text_of(one.child_by_field_name("name")) == wanted:
                    return one.child_by_field_name("value")
        outer = outer.parent
    return None


def _joined(node: Node) -> str:
    """A text, or a chain of `+` as the template that it comes to."""
    return "".join(_parts(node)) if node.type == "binary_expression" else text_of(node).strip("\"'`")


def _parts(node: Node) -> Iterator[str]:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    for part in (left, right):
        if part is None:
            continue
        if part.type == "binary_expression":
            yield from _parts(part)
        else:
            yield text_of(part)[1:-1] if part.type in {"string", "template_string"} else f"${{{text_of(part)}}}"
