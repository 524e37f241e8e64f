"""Names that the running version of the application still uses, and that a migration changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.migrations import Fault, Past, ask_each
from auditor.facts.statements import enum_name, names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database

_RELATIONS = {"OBJECT_TABLE": "table", "OBJECT_VIEW": "view", "OBJECT_MATVIEW": "materialized view"}
_MAKES_NAME = {"create_stmt": "relation", "view_stmt": "view"}


def ask(database: Database) -> Iterator[Answer]:
    return ask_each(database, _faults, "renames nothing that was there before")


def _faults(past: Past, statements: list[Statement]) -> Iterator[Fault]:
    for statement in statements:
        if statement.kind == "rename_stmt":
            yield from _renamed(past, statement, statements)
        elif statement.kind == "alter_object_schema_stmt":
            yield from _moved(past, statement, statements)
        elif statement.kind == "alter_enum_stmt" and statement.body.old_val and statement.body.new_val:
            yield from _value(past, statement)


def _renamed(past: Past, statement: Statement, statements: list[Statement]) -> Iterator[Fault]:
    body = statement.body
    kind = enum_name(body, "rename_type")
    if kind == "OBJECT_SCHEMA":
        made = past.provenance.find_made(statement, "", body.subname)
        if not past.failed(statement) and made and past.is_older(statement, made[1]):
            yield Fault(statement, f"schema {body.subname}", f"renames schema {body.subname} to {body.newname}")
        return
    is_column = kind == "OBJECT_COLUMN" and enum_name(body, "relation_type") in _RELATIONS
    if not (is_column or kind in _RELATIONS):
        return
    name = past.older(statement, body.relation)
    if not name or _stands_in(statement, body.relation.relname, statements):
        return
    if is_column:
        yield Fault(
            statement, f"column {name}.{body.subname}", f"renames column {body.subname} of {name} to {body.newname}"
        )
    else:
        yield Fault(statement, f"{_RELATIONS[kind]} {name}", f"renames {_RELATIONS[kind]} {name} to {body.newname}")


def _moved(past: Past, statement: Statement, statements: list[Statement]) -> Iterator[Fault]:
    kind = _RELATIONS.get(enum_name(statement.body, "object_type"))
    name = past.older(statement, statement.body.relation) if kind else None
    if name and not _stands_in(statement, statement.body.relation.relname, statements):
        schema = statement.body.newschema
        yield Fault(statement, f"{kind} {name}", f"moves {kind} {name} to schema {schema}: its old name is gone")


def _value(past: Past, statement: Statement) -> Iterator[Fault]:
    parts = names(statement.body.type_name)
    made = past.provenance.find_made(statement, parts[-2] if len(parts) > 1 else "", parts[-1])
    if made and not past.failed(statement) and past.is_older(statement, made[1]):
        old, new = statement.body.old_val, statement.body.new_val
        yield Fault(statement, f"value {old} of {made[0]}", f"renames value {old!r} of type {made[0]} to {new!r}")


def _stands_in(statement: Statement, name: str, statements: list[Statement]) -> bool:
    """Whether the file later makes something else of the old name, such as a view for the running version."""
    for later in statements:
        if later.number <= statement.number:
            continue
        if later.kind == "rename_stmt" and later.body.newname == name:
            return True
        if later.kind in _MAKES_NAME and getattr(later.body, _MAKES_NAME[later.kind]).relname == name:
            return True
    return False
