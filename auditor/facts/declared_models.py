"""Models that TypeScript and JavaScript declare: schemas of Mongoose, entities of TypeORM, tables of Drizzle."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, string_of, unwrap
from auditor.facts.declared_tables import DRIZZLE, drizzle_tables
from auditor.facts.sites import mentions
from auditor.facts.syntax import text_of
from auditor.facts.units import is_example, is_test, is_vendored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.symbols import Files

_SCHEMAS = ("Schema(", "Schema<", "@Entity", *DRIZZLE)
_SCHEMA = re.compile(r"(?:^|\.)\w*Schema$")
_MODEL = re.compile(r"(?:^|\.)model$")


def declared_models(code: Files) -> Iterator[tuple[str, list[str]]]:
    """The names that each model goes by, and then the names of its columns; a model may come more than once."""
    for path, language in code.files.items():
        if language == "python" or is_test(path) or is_example(path) or is_vendored(path):
            continue
        if mentions(text := code.text(path), _SCHEMAS):
            calls = code.nodes(path, "call_expression", "new_expression")
            if mentions(text, DRIZZLE):
                for table in drizzle_tables(path, [call for call in calls if call.type == "call_expression"]):
                    columns = [column.code for column in table.columns.values()]
                    yield from ((name, columns) for name in {table.name, table.code})
            yield from _mongoose(calls)
            if "@Entity" in text:
                yield from _entities(code.nodes(path, "class_declaration"))


def _mongoose(calls: list[Node]) -> Iterator[tuple[str, list[str]]]:
    """`const noteSchema = new Schema({ … }); const Note = model("Note", noteSchema)`."""
    schemas: dict[str, list[str]] = {}
    for call in calls:
        made = text_of(call.child_by_field_name("constructor") or call.child_by_field_name("function"))
        given = arguments_of(call)
        if _SCHEMA.search(made) and given and given[0].type == "object":
            schemas[_held(call) or text_of(call)] = _keys(given[0])
    for call in calls:
        given = arguments_of(call)
        called = text_of(call.child_by_field_name("function"))
        if not _MODEL.search(called) or len(given) < 2 or (name := string_of(given[0])) is None:  # noqa: PLR2004 - name, schema
            continue
        columns = schemas.get(text_of(given[1]), [])
        yield from ((each, columns) for each in {name, _held(call)} if each)


def _keys(fields: Node) -> list[str]:
    """The fields that may hold an id, and those that hold it by name."""
    return [
        text_of(pair.child_by_field_name("key")).strip("\"'")
        for pair in fields.named_children
        if pair.type == "pair" and _may_point(pair)
    ]


def _may_point(pair: Node) -> bool:
    value = text_of(pair.child_by_field_name("value"))
    return "ObjectId" in value or "ref:" in value or text_of(pair.child_by_field_name("key")).lower().endswith("id")


def _held(call: Node) -> str:
    """The variable that a value is given to."""
    around = call.parent
    while around is not None and unwrap(around) != around:
        around = around.parent
    return text_of(around.child_by_field_name("name")) if around is not None else ""


def _entities(classes: list[Node]) -> Iterator[tuple[str, list[str]]]:
    for node in classes:
        holder = node.parent if node.parent is not None and node.parent.type == "export_statement" else node
        if not any(text_of(part).startswith("@Entity") for part in (*holder.named_children, *node.named_children)):
            continue
        body = node.child_by_field_name("body")
        fields = [
            child for child in (body.named_children if body is not None else ()) if child.type.endswith("definition")
        ]
        yield (
            text_of(node.child_by_field_name("name")),
            [text_of(field.child_by_field_name("name")) for field in fields],
        )
