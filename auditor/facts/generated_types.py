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

Tables = dict[str, dict[str, str]]
"""`schema.table` to its columns, each with its type as written there."""


def read_types(text: str) -> Tables:
    """The tables of a generated file; empty when it is no such file."""
    return {name: _columns(shape) for name, shape in _parts(text, "Tables")}


def read_enums(text: str) -> dict[str, list[str]]:
    """`schema.enum` to its labels."""
    found = {}
    for name, union in _parts(text, "Enums"):
        labels = [text_of(label).strip("\"'") for label in _literals(union)]
        if labels:
            found[name] = labels
    return found


def _literals(union: Node | None) -> Iterator[Node]:
    waiting = [union] if union is not None else []
    while waiting:
        node = waiting.pop()
        if node.type == "string":
            yield node
        else:
            waiting += reversed(node.named_children)


def _parts(text: str, wanted: str) -> Iterator[tuple[str, Node | None]]:
    """The members of one part of each schema, such as its Tables, by `schema.name`."""
    if len(text) > _MAX or not _SHAPE.search(text):
        return
    for schema, parts in _members(_database(parse("typescript", text).root_node)):
        for part, shapes in _members(parts):
            if part == wanted:
                yield from ((f"{schema}.{name}", shape) for name, shape in _members(shapes))


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


def _columns(shape: Node | None) -> dict[str, str]:
    row = next((inner for name, inner in _members(shape) if name == "Row"), None)
    return {name: text_of(kind) for name, kind in _members(row)}
