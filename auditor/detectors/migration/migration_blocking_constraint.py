"""Constraints that are checked on all rows, or build an index, while the table is locked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.detectors.migrations import Fault, Past, ask_each
from auditor.facts.statements import names
from auditor.facts.table_changes import (
    INDEXED,
    added_column,
    added_constraint,
    column_constraints,
    commands,
    constraint_kind,
    has_default,
    proves_not_null,
    uses_index,
)
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database

_EXPECTED = "ShareUpdateExclusiveLock at most while rows are read or an index is built"
_SCANNED = {"check", "foreign key"}


def ask(database: Database) -> Iterator[Answer]:
    return ask_each(database, _faults, "no constraint is checked on a table's rows under a strong lock")


def _faults(past: Past, statements: list[Statement]) -> Iterator[Fault]:
    for statement in statements:
        for name, command in commands(statement):
            table = past.older(statement, statement.body.relation)
            fault = _fault(past, statement, name, command) if table else None
            if table and fault:
                what, detail, severity = fault
                proof = past.lock_proof(statement, table, _EXPECTED)
                yield Fault(statement, f"{what} of {table}", f"{detail} {table}", severity, proof)


def _fault(past: Past, statement: Statement, name: str, command: Any) -> tuple[str, str, Severity | None] | None:  # noqa: ANN401
    """What it is about, and what is done to the table; None for what blocks nobody for long."""
    if (constraint := added_constraint(name, command)) is not None:
        return _added(constraint)
    if (column := added_column(name, command)) is not None:
        return _with_column(column)
    if name == "AT_SetNotNull":
        return _not_null(past, statement, command.name)
    if name == "AT_ValidateConstraint":
        return _validated(past, statement, command.name)
    return None


def _added(constraint: Any) -> tuple[str, str, None] | None:  # noqa: ANN401 - a protobuf Constraint
    kind = constraint_kind(constraint)
    what = f"{kind} {constraint.conname or ', '.join(names(constraint.fk_attrs) or names(constraint.keys))}".strip()
    if kind in INDEXED and not uses_index(constraint):
        return what, f"adds a {kind} constraint, whose index is built under an exclusive lock on", None
    if kind in _SCANNED and not constraint.skip_validation:
        return what, f"adds a {kind} constraint without NOT VALID: all rows are checked under a lock on", None
    return None


def _with_column(column: Any) -> tuple[str, str, None] | None:  # noqa: ANN401 - a protobuf ColumnDef
    """A new column's constraints. A reference of a column without default is not checked: it is null in every row."""
    found = column_constraints(column)
    if found.keys() & set(INDEXED):
        return f"column {column.colname}", "adds a unique column, whose index is built under an exclusive lock on", None
    if "check" in found or ("foreign key" in found and has_default(column)):
        kind = "check" if "check" in found else "foreign key"
        return (
            f"column {column.colname}",
            f"adds a column with a {kind} that is tried on all rows under a lock on",
            None,
        )
    return None


def _not_null(past: Past, statement: Statement, column: str) -> tuple[str, str, None] | None:
    earlier = past.replay.statements[: statement.number]
    if proves_not_null(earlier, statement.body.relation.relname, column):
        return None
    return f"not null {column}", f"sets {column} NOT NULL: all rows are read under an exclusive lock on", None


def _validated(past: Past, statement: Statement, name: str) -> tuple[str, str, Severity] | None:
    """VALIDATE in the transaction of its own NOT VALID: the strong lock of the one is held during the other."""
    same_file = [s for s in past.replay.statements if s.path == statement.path]
    if not past.one_transaction(same_file):
        return None
    for earlier in same_file:
        for added, command in commands(earlier):
            constraint = added_constraint(added, command)
            if constraint is not None and constraint.conname == name and earlier.number < statement.number:
                what = f"validation of {name}"
                return what, f"validates {name} in the transaction that adds it, which still locks", Severity.LOW
    return None
