"""Tables as `supabase gen types typescript` wrote them down: what the server had when the file was made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.syntax import parse, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

FILE = re.compile(r"(?:types|database|supabase|schema)[^/]*\.ts$", re.IGNORECASE)
_SHAPE = re.compile(r"\bTables\s*:\s*\{")
_MAX = 3_000_000

Tables = dict[str, frozenset[str]]
"""`schema.table` to its columns."""


def read_types(text: str) -> Tables:
    """The tables of a generated file; empty when it is no such file."""
    if len(text) > _MAX or not _SHAPE.search(text):
        return {}
    found: Tables = {}
    for schema, parts in _members(_database(parse("typescript", text).root_node)):
        for name, tables in _members(parts):
            if name == "Tables":
                found |= {f"{schema}.{table}": _columns(shape) for table, shape in _members(tables)}
    return found


def _database(root: Node) -> Node | None:
    """The type that is called Database, whether an interface or an alias."""
    for statement in root.named_children:
        declared = statement.child_by_field_name("declaration") or statement
        if text_of(declared.child_by_field_name("name")) == "Database":
            return declared.child_by_field_name("body") or declared.child_by_field_name("value")
    return None


def _members(shape: Node | None) -> Iterator[tuple[str, Node | None]]:
    for member in shape.named_children if shape is not None else ():
        if member.type != "property_signature":
            continue
        annotation = member.child_by_field_name("type")
        inner = annotation.named_children[-1] if annotation is not None and annotation.named_children else None
        yield text_of(member.child_by_field_name("name")).strip("\"'"), inner


def _columns(shape: Node | None) -> frozenset[str]:
    row = next((inner for name, inner in _members(shape) if name == "Row"), None)
    return frozenset(name for name, _ in _members(row))
