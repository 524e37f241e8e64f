"""NOT NULL columns without a default, added to a table that was there before the migration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.migrations import Fault, Past, ask_each
from auditor.facts.table_changes import added_column, column_constraints, commands, has_default

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    return ask_each(database, _faults, "no column without a value for old rows is required")


def _faults(past: Past, statements: list[Statement]) -> Iterator[Fault]:
    emptied: set[str] = set()
    for statement in statements:
        emptied |= _emptied(statement)
        for name, command in commands(statement):
            column = added_column(name, command)
            if column is None or not column_constraints(column).keys() & {"not null", "primary key"}:
                continue
            table = past.older(statement, statement.body.relation)
            if table and not has_default(column) and statement.body.relation.relname not in emptied:
                detail = f"adds {column.colname} NOT NULL without a default: it fails as soon as {table} holds a row"
                yield Fault(statement, f"column {table}.{column.colname}", detail)


def _emptied(statement: Statement) -> set[str]:
    """Tables that a statement leaves without rows."""
    if statement.kind == "truncate_stmt":
        return {item.range_var.relname for item in statement.body.relations}
    if statement.kind == "delete_stmt" and not statement.body.HasField("where_clause"):
        return {statement.body.relation.relname}
    return set()
