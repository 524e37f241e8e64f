"""Tables that code declares: Drizzle, SQLAlchemy, SQLModel and Django."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.sites import arguments, literal
from auditor.facts.syntax import line_of, text_of, walk
from auditor.facts.tables import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

DRIZZLE = ("pgTable(", "mysqlTable(", "sqliteTable(", ".table(")
PYTHON = ("__tablename__", "models.Model", "table=True", "db.Model", "(Base", "models.CharField", "mapped_column(")
_BASES = re.compile(r"\bmodels\.Model\b|table\s*=\s*True|\bdb\.Model\b|\bBase\b|Model\b|\w+Mixin\b")
_FIELDS = re.compile(r"models\.(?:\w+Field|ForeignKey)\(|\b(?:mapped_column|Column|relationship|Field)\(|Mapped\[")
_TEXTS = re.compile(r"String|Text|CharField|UUID|\bstr\b", re.IGNORECASE)


def drizzle_tables(path: str, calls: list[Node]) -> Iterator[Table]:
    """`export const apiKeys = pgTable("api_keys", { key: text("key") })`."""
    for call in calls:
        name = text_of(call.child_by_field_name("function"))
        given = arguments(call)
        if not re.search(r"(?:^(?:pg|mysql|sqlite)Table|\.table)$", name) or len(given) < 2:  # noqa: PLR2004 - name, columns
            continue
        called, columns = literal(given[0]), given[1]
        holder = call.parent
        variable = text_of(holder.child_by_field_name("name")) if holder is not None else ""
        if called and columns.type == "object":
            table = Table(called, variable or called, path, line_of(call))
            for pair in columns.named_children:
                if column := _drizzle_column(path, pair):
                    table.add(column)
            yield table


def _drizzle_column(path: str, pair: Node) -> Column | None:
    value = pair.child_by_field_name("value")
    if pair.type != "pair" or value is None:
        return None
    key = text_of(pair.child_by_field_name("key")).strip("\"'")
    match = re.match(r"(\w+)\(\s*(?:[\"'](\w+)[\"'])?", text_of(value))
    if match is None:
        return None
    kind = "list" if ".array(" in text_of(value) else match[1].lower()
    return Column(match[2] or _snake(key), key, kind, path, line_of(pair))


def python_tables(path: str, classes: list[Node]) -> Iterator[Table]:
    for node in classes:
        body, name = node.child_by_field_name("body"), text_of(node.child_by_field_name("name"))
        bases = text_of(node.child_by_field_name("superclasses"))
        if body is None or not (_BASES.search(bases) or "__tablename__" in text_of(body)):
            continue
        named = re.search(r"(?:__tablename__|db_table)\s*(?::\s*\w+\s*)?=\s*[\"'](\w+)[\"']", text_of(body))
        table = Table(named[1] if named else _snake(name), name, path, line_of(node))
        if _FIELDS.search(text_of(body)):  # a model of pydantic has none
            for column in _python_columns(path, body):
                table.add(column)
            yield table


def _python_columns(path: str, body: Node) -> Iterator[Column]:
    for statement in body.named_children:
        for node in walk(statement) if statement.type == "expression_statement" else ():
            if node.type == "assignment":
                name, value = text_of(node.child_by_field_name("left")), text_of(node)
                kind = "text" if _TEXTS.search(value.partition(name)[2]) else "other"
                yield Column(name, name, kind, path, line_of(node))
                break


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
