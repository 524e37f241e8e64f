"""ALTER TABLE that copies every row of a table: the replay saw the table's file change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.detectors.migrations import Fault, Past, ask_each
from auditor.facts.table_changes import added_column, commands, varies
from auditor.model import Proof

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database

_OTHERS = {
    "AT_SetLogged": "makes it logged",
    "AT_SetUnLogged": "makes it unlogged",
    "AT_SetAccessMethod": "changes its access method",
    "AT_SetExpression": "changes a generated column",
    "AT_SetTableSpace": "moves it to another tablespace",
}


def ask(database: Database) -> Iterator[Answer]:
    return ask_each(database, _faults, "no table is copied")


def _faults(past: Past, statements: list[Statement]) -> Iterator[Fault]:
    for statement in statements:
        trace = past.trace(statement)
        found = list(commands(statement))
        table = past.older(statement, statement.body.relation) if trace and trace.rewritten and found else None
        if table:
            why = _reason(found)
            detail = f"copies every row of {table} under an exclusive lock: {why or 'the change needs it'}"
            yield Fault(statement, f"table {table}", detail, proof=_proof(statement, table))


def _reason(found: list[tuple[str, Any]]) -> str:
    """What in an ALTER TABLE does it: the columns that get another type, or a value for each row."""
    parts = [_OTHERS[name] for name, _ in found if name in _OTHERS]
    parts += [f"{command.name} gets another type" for name, command in found if name == "AT_AlterColumnType"]
    added = [column for name, command in found if (column := added_column(name, command)) is not None]
    parts += [f"the new column {c.colname} gets a value of its own in each row" for c in added if varies(c)]
    return ", ".join(parts)


def _proof(statement: Statement, table: str) -> Proof:
    name = ".".join(f'"{part}"' for part in table.split(".", 1))
    look = f"select pg_relation_filenode('{name}');"
    script = f"begin;\n{look}\n{statement.text.rstrip(';')};\n{look}\nrollback;"
    return Proof(script, f"another file on disk for {table}", "the same file before and after")
