"""Constraints and triggers that a migration takes away and that nothing stands in for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.migrations import Fault, Past, ask_each
from auditor.facts.statements import enum_name, names, relation_name
from auditor.facts.table_changes import added_constraint, commands
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database

_REPLACES = {"AT_DropColumn", "AT_AddConstraint"}
_ENFORCES = {"AT_AddConstraint", "AT_AddColumn", "AT_SetNotNull"}


def ask(database: Database) -> Iterator[Answer]:
    return ask_each(database, _faults, "no constraint or trigger goes without another in its place")


def _faults(past: Past, statements: list[Statement]) -> Iterator[Fault]:
    for statement in statements:
        yield from _constraints(past, statement, statements)
        if statement.kind == "drop_stmt" and enum_name(statement.body, "remove_type") == "OBJECT_TRIGGER":
            yield from _trigger(past, statement)


def _constraints(past: Past, statement: Statement, statements: list[Statement]) -> Iterator[Fault]:
    for name, command in commands(statement):
        if name not in {"AT_DropConstraint", "AT_DropNotNull"}:
            continue
        table = past.older(statement, statement.body.relation)
        if not table or _replaced(table, statements) or _made_again(past, statement, table, command.name):
            continue
        if name == "AT_DropNotNull":
            detail = f"lets {command.name} of {table} be null: code that reads it may not expect that"
            yield Fault(statement, f"not null {table}.{command.name}", detail, Severity.INFO)
        elif not command.missing_ok or _was_named(past, statement, command.name):
            detail = f"drops constraint {command.name} of {table}, and adds none in its place"
            yield Fault(statement, f"constraint {command.name} of {table}", detail)


def _replaced(table: str, statements: Sequence[Statement]) -> bool:
    """Whether the file also drops a column of the table, drops the table, or gives it another constraint."""
    bare = table.rpartition(".")[2]
    for statement in statements:
        if statement.kind == "drop_stmt" and _drops_table(statement, bare):
            return True
        if statement.kind == "index_stmt" and statement.body.unique and statement.body.relation.relname == bare:
            return True
        if any(name in _REPLACES for name, _ in commands(statement)) and statement.body.relation.relname == bare:
            return True
    return False


def _drops_table(statement: Statement, bare: str) -> bool:
    if enum_name(statement.body, "remove_type") != "OBJECT_TABLE":
        return False
    return any(names(item.list.items)[-1:] == (bare,) for item in statement.body.objects)


def _made_again(past: Past, statement: Statement, table: str, name: str) -> bool:
    """Whether a later migration adds a constraint of this name again, or drops the table altogether."""
    for later in past.replay.statements[statement.number + 1 :]:
        if later.kind == "drop_stmt" and _drops_table(later, table.rpartition(".")[2]):
            return True
        for added, command in commands(later):
            constraint = added_constraint(added, command)
            same = (constraint is not None and constraint.conname == name) or (
                added == "AT_SetNotNull" and command.name == name
            )
            if same and relation_name(later.body.relation) == table:
                return True
    return False


def _was_named(past: Past, statement: Statement, name: str) -> bool:
    """Whether an earlier statement speaks of the constraint: `drop constraint if exists` may drop nothing."""
    earlier = past.replay.statements[: statement.number]
    return any(name in s.text for s in earlier if s.kind == "create_stmt" or _adds(s))


def _adds(statement: Statement) -> bool:
    return any(name in _ENFORCES for name, _ in commands(statement))


def _trigger(past: Past, statement: Statement) -> Iterator[Fault]:
    for item in statement.body.objects:
        *place, name = names(item.list.items)
        table = ".".join(("public", *place)[-2:])
        before = [s for s in past.replay.statements[: statement.number] if _is_trigger(s, table)]
        made = [s for s in before if s.body.trigname == name]
        after = past.replay.statements[statement.number + 1 :]
        if past.failed(statement) or not made or not past.is_older(statement, made[-1]):
            continue
        # Another trigger of the same file, a trigger of its name later, or no table any more.
        stands_in = any(_is_trigger(s, table) and (s.path == statement.path or s.body.trigname == name) for s in after)
        same_file = any(s.path == statement.path for s in before)
        gone = any(s.kind == "drop_stmt" and _drops_table(s, place[-1]) for s in after)
        if not (stands_in or same_file or gone):
            detail = f"drops trigger {name} of {table}, and makes none in its place"
            yield Fault(statement, f"trigger {name} of {table}", detail)


def _is_trigger(statement: Statement, table: str) -> bool:
    return statement.kind == "create_trig_stmt" and relation_name(statement.body.relation) == table
