"""Migrations that wait for a strong lock as long as it takes, with everybody else waiting behind them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from auditor.detectors.migrations import Fault, Past, ask_each
from auditor.facts.statements import enum_name
from auditor.facts.table_changes import commands

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database

# ALTER TABLE commands that let reads and writes go on.
_MILD = {
    "AT_ValidateConstraint",
    "AT_SetStatistics",
    "AT_SetOptions",
    "AT_ResetOptions",
    "AT_ClusterOn",
    "AT_DropCluster",
}
_TIMEOUTS = ("lock_timeout", "statement_timeout", "transaction_timeout")


def ask(database: Database) -> Iterator[Answer]:
    bounded = database.replay is not None and _set_for_role(database.replay.statements)
    return ask_each(database, partial(_faults, bounded), "waits for no strong lock, or not for ever", hint=True)


def _faults(bounded: bool, past: Past, statements: list[Statement]) -> Iterator[Fault]:
    """One finding for a file: the first statement that may wait without end."""
    if bounded:
        return
    for statement in statements:
        if _bounds(statement):
            return
        for relation in _locked(statement):
            if name := past.older(statement, relation):
                detail = (
                    f"locks {name} without a lock_timeout: while it waits, every later query on the table waits too"
                )
                yield Fault(statement, "lock timeout", detail)
                return


def _bounds(statement: Statement) -> bool:
    if statement.kind == "variable_set_stmt":
        return statement.body.name in _TIMEOUTS
    called = statement.kind == "select_stmt" and "set_config" in statement.text
    return called and any(name in statement.text for name in _TIMEOUTS)


def _set_for_role(statements: Sequence[Statement]) -> bool:
    """Whether the history itself gives its role or database a timeout."""
    kinds = {"alter_role_set_stmt", "alter_database_set_stmt"}
    return any(s.kind in kinds and s.body.setstmt.name == "lock_timeout" for s in statements)


def _locked(statement: Statement) -> list[Any]:
    """The tables on which a statement takes a lock that stops readers, too."""
    if statement.kind == "alter_table_stmt":
        strong = any(name not in _MILD for name, _ in commands(statement))
        return [statement.body.relation] if strong else []
    if statement.kind == "truncate_stmt":
        return [item.range_var for item in statement.body.relations]
    renames = statement.kind == "rename_stmt" and enum_name(statement.body, "rename_type") == "OBJECT_TABLE"
    return [statement.body.relation] if renames else []
