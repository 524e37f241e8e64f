"""What the statements of a history make and drop by their own words, where no server has run them.

A replay knows more: what a DO block made, what CASCADE took along. Rules for which that matters are not asked of this.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from auditor.facts.provenance import Event
from auditor.facts.statements import enum_name, names
from auditor.facts.table_changes import commands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.facts.statements import Statement

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_DROPPED = {"OBJECT_TABLE": "table", "OBJECT_INDEX": "index"}


def parsed_events(statements: Iterable[Statement]) -> list[Event]:
    """One event for each table, view and index that a statement names as made, renamed or dropped."""
    found: list[Event] = []
    for statement in statements:
        for tag, parts, dropped in _events(statement):
            identity = ".".join(map(_quoted, parts if len(parts) > 1 else ("public", *parts)))
            found.append(Event(statement.number, dropped, 0, len(found), tag, identity))
    return found


def _quoted(name: str) -> str:
    """As the server writes it, but for the words that it reserves."""
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _events(statement: Statement) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """Each as a tag, the parts of its name, and whether it is gone."""
    body = statement.body
    if statement.kind == "create_stmt":
        yield "CREATE TABLE", _named(body.relation), False
    elif statement.kind == "create_table_as_stmt":
        yield "CREATE TABLE AS", _named(body.into.rel), False
    elif statement.kind == "view_stmt":
        yield "CREATE VIEW", _named(body.view), False
    elif statement.kind == "index_stmt" and body.idxname:
        yield "CREATE INDEX", (body.relation.schemaname or "public", body.idxname), False
    elif statement.kind == "rename_stmt" and enum_name(body, "rename_type") == "OBJECT_TABLE":
        yield "ALTER TABLE", (body.relation.schemaname or "public", body.newname), False
    elif statement.kind == "drop_stmt":
        yield from _drops(body)
    for name, command in commands(statement):
        if name == "AT_DropColumn":
            yield "table column", (*_named(body.relation), command.name), True


def _named(relation: Any) -> tuple[str, str]:  # noqa: ANN401 - a protobuf RangeVar
    return relation.schemaname or "public", relation.relname


def _drops(body: Any) -> Iterator[tuple[str, tuple[str, ...], bool]]:  # noqa: ANN401 - a protobuf DropStmt
    tag = _DROPPED.get(enum_name(body, "remove_type"))
    for item in body.objects if tag else ():
        if tag and (parts := names(item.list.items)):
            yield tag, parts, True
