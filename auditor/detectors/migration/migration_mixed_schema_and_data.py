"""Rows of an old table changed in the transaction that also locks it for a change of its shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.migrations import Fault, Past, ask_each
from auditor.facts.table_changes import commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database

_WRITES = {"update_stmt": "changes", "delete_stmt": "deletes"}


def ask(database: Database) -> Iterator[Answer]:
    return ask_each(database, _faults, "shape and rows are not changed in one transaction", hint=True)


def _faults(past: Past, statements: list[Statement]) -> Iterator[Fault]:
    if not past.one_transaction(statements):
        return
    locked: set[str] = set()
    for statement in statements:
        if any(commands(statement)) and (name := past.older(statement, statement.body.relation)):
            locked.add(name)
        elif statement.kind in _WRITES and (name := past.older(statement, statement.body.relation)) in locked:
            detail = f"{_WRITES[statement.kind]} rows of {name} while the ALTER TABLE before it locks the table"
            yield Fault(statement, f"rows of {name}", detail)
