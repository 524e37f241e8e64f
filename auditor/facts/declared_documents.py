"""The schemas of Mongoose, read as tables: collections of a document store hold the same secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.sites import arguments
from auditor.facts.syntax import line_of, text_of
from auditor.facts.tables import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

MONGOOSE = ("mongoose",)
_SCHEMA = re.compile(r"(?:^|\.)Schema(?:<|$)")
_IS_TEXT = re.compile(
    r"^(?:(?:mongoose\.|Schema\.Types\.|Types\.)*String|[\"']string[\"'])$|\btype\s*:\s*(?:\w+\.)*String\b",
    re.IGNORECASE,
)


def mongoose_tables(path: str, text: str, made: list[Node]) -> Iterator[Table]:
    """`new Schema({ resetToken: String })`, by the name that `model("User", …)` gives it, else by its variable."""
    for node in made:
        given = arguments(node)
        if (
            not _SCHEMA.search(text_of(node.child_by_field_name("constructor")))
            or not given
            or given[0].type != "object"
        ):
            continue
        holder = node.parent
        variable = text_of(holder.child_by_field_name("name")) if holder is not None else ""
        name = _model(text, variable)
        table = Table(name, name, path, line_of(node))
        for pair in given[0].named_children:
            if column := _column(path, pair):
                table.add(column)
        yield table


def _model(text: str, variable: str) -> str:
    match = (
        re.search(rf"\bmodel(?:<[^()]*>)?\(\s*[\"'`](\w+)[\"'`]\s*,\s*{re.escape(variable)}\b", text)
        if variable
        else None
    )
    if match:
        return match[1]
    bare = re.sub(r"_?[sS]chema$", "", variable)
    return bare[:1].upper() + bare[1:] or "document"


def _column(path: str, pair: Node) -> Column | None:
    value = pair.child_by_field_name("value")
    if pair.type != "pair" or value is None:
        return None
    key = text_of(pair.child_by_field_name("key")).strip("\"'")
    return Column(key, key, "text" if _IS_TEXT.search(text_of(value)) else "other", path, line_of(pair))
