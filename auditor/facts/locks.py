"""What a statement does to the table that it names: the lock that it needs, and whether it may copy the table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from auditor.facts.table_changes import (
    added_column,
    added_constraint,
    column_constraints,
    commands,
    constraint_kind,
    varies,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.facts.statements import Statement

_NEEDS = {
    "index_stmt": "ShareLock",
    "alter_table_stmt": "AccessExclusiveLock",
    "reindex_stmt": "ShareLock",
    "cluster_stmt": "AccessExclusiveLock",
    "refresh_mat_view_stmt": "AccessExclusiveLock",
}
_REWRITES = {
    "AT_AlterColumnType", "AT_SetLogged", "AT_SetUnLogged", "AT_SetAccessMethod", "AT_SetExpression",
    "AT_SetTableSpace",
}  # fmt: skip
_BLOCKS = _REWRITES | {"AT_AddConstraint", "AT_SetNotNull"}
_CHECKED = {"check", "unique", "primary key", "foreign key"}


@dataclass(frozen=True, slots=True)
class Trace:
    """What was seen of one statement: its lock, "" where there was none to see, and whether it copied the table."""

    relation: str
    mode: str = ""
    rewritten: bool = False


def traced_relation(statement: Statement) -> str | None:
    """The table of a statement whose lock is judged, quoted so that nothing in its name means anything."""
    if statement.kind not in _NEEDS or not statement.body.HasField("relation"):
        return None
    if statement.kind == "index_stmt" and statement.body.concurrent:
        return None
    if statement.kind == "alter_table_stmt" and not any(_blocks(*item) for item in commands(statement)):
        return None
    relation = statement.body.relation
    return quoted(relation.schemaname, relation.relname)


def quoted(*parts: str) -> str:
    """A name of these parts, of which those before the last may be empty."""
    return ".".join('"' + str(part).replace('"', '""') + '"' for part in parts if part)


def _blocks(name: str, command: Any) -> bool:  # noqa: ANN401 - a protobuf AlterTableCmd
    column = added_column(name, command)
    if column is None:
        return name in _BLOCKS
    return varies(column) or bool(column_constraints(column).keys() & _CHECKED)


def may_rewrite(statement: Statement) -> bool:
    """Whether an ALTER TABLE has a command that copies the table, given the types and defaults for it."""
    for name, command in commands(statement):
        column = added_column(name, command)
        if name in _REWRITES or (column is not None and varies(column)):
            return True
    return False


def needed_mode(statement: Statement) -> str:
    """The lock that a statement needs. A foreign key needs less than the rest of ALTER TABLE."""
    found = list(commands(statement))
    if found and all(_is_foreign_key(*item) for item in found):
        return "ShareRowExclusiveLock"
    return _NEEDS[statement.kind]


def _is_foreign_key(name: str, command: Any) -> bool:  # noqa: ANN401 - a protobuf AlterTableCmd
    constraint = added_constraint(name, command)
    return constraint is not None and constraint_kind(constraint) == "foreign key"


def with_locks(pending: Mapping[int, tuple[Statement, Trace]], held: Mapping[str, frozenset[str]]) -> dict[int, Trace]:
    """The traces of a transaction's statements, given the modes that it held on each relation at its end."""
    return {
        number: replace(trace, mode=mode) if (mode := needed_mode(statement)) in held.get(trace.relation, ()) else trace
        for number, (statement, trace) in pending.items()
    }


def made_in(statements: list[Statement]) -> frozenset[str]:
    """The bare names of tables that a file makes: what it does to them blocks nobody."""
    made = [s.body.relation.relname for s in statements if s.kind == "create_stmt"]
    made += [s.body.into.rel.relname for s in statements if s.kind == "create_table_as_stmt"]
    return frozenset(made)
