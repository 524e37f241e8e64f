"""ALTER TABLE in the terms of the migration rules: which constraint, on which column, checked at once or later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.facts.provenance import command_name, table_commands
from auditor.facts.statements import enum_name, names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.facts.statements import Statement

_KINDS = {
    "CONSTR_CHECK": "check",
    "CONSTR_FOREIGN": "foreign key",
    "CONSTR_UNIQUE": "unique",
    "CONSTR_PRIMARY": "primary key",
    "CONSTR_EXCLUSION": "exclusion",
    "CONSTR_NOTNULL": "not null",
    "CONSTR_DEFAULT": "default",
    "CONSTR_GENERATED": "generated",
    "CONSTR_IDENTITY": "identity",
}
_SERIAL = {"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"}
_SAME_FOR_ALL = {"a_const", "a_array_expr", "sqlvalue_function"}
INDEXED = ("unique", "primary key", "exclusion")


def commands(statement: Statement) -> Iterator[tuple[str, Any]]:
    """The commands of an ALTER TABLE on a table, each with the grammar's name for it, such as `AT_AddColumn`."""
    if statement.kind == "alter_table_stmt" and enum_name(statement.body, "objtype") == "OBJECT_TABLE":
        for command in table_commands(statement):
            yield command_name(command), command


def constraint_kind(constraint: Any) -> str:  # noqa: ANN401 - a protobuf Constraint
    """What a constraint is, in SQL's words; "" for what says only when it is checked."""
    return _KINDS.get(enum_name(constraint, "contype"), "")


def added_constraint(name: str, command: Any) -> Any | None:  # noqa: ANN401 - protobuf messages
    """The constraint of an ADD CONSTRAINT."""
    return getattr(command, "def").constraint if name == "AT_AddConstraint" else None


def added_column(name: str, command: Any) -> Any | None:  # noqa: ANN401 - protobuf messages
    """The column definition of an ADD COLUMN."""
    return getattr(command, "def").column_def if name == "AT_AddColumn" else None


def column_constraints(column: Any) -> dict[str, Any]:  # noqa: ANN401 - a protobuf ColumnDef
    """A column's own constraints by kind; a serial type counts as a default."""
    found = {constraint_kind(item.constraint): item.constraint for item in column.constraints}
    if names(column.type_name.names)[-1:] and names(column.type_name.names)[-1] in _SERIAL:
        found.setdefault("default", column.type_name)
    return found


def has_default(column: Any) -> bool:  # noqa: ANN401 - a protobuf ColumnDef
    """Whether old rows get a value; `default null` gives none."""
    found = column_constraints(column)
    if found.keys() & {"generated", "identity"}:
        return True
    default = found.get("default")
    return default is not None and not _is_null(default)


def varies(column: Any) -> bool:  # noqa: ANN401 - a protobuf ColumnDef
    """Whether a new column's value is computed for each row: no constant, and none of the moment, such as now()."""
    found = column_constraints(column)
    default = getattr(found.get("default"), "raw_expr", None)
    if default is None:
        return bool(found.keys() & {"default", "generated", "identity"})  # a serial type has no expression
    while default.WhichOneof("node") == "type_cast":
        default = default.type_cast.arg
    return default.WhichOneof("node") not in _SAME_FOR_ALL and not _calls_now(default)


def _calls_now(default: Any) -> bool:  # noqa: ANN401 - a protobuf node
    return default.WhichOneof("node") == "func_call" and names(default.func_call.funcname)[-1:] == ("now",)


def _is_null(default: Any) -> bool:  # noqa: ANN401 - a protobuf Constraint or TypeName
    raw = getattr(default, "raw_expr", None)
    return raw is not None and raw.WhichOneof("node") == "a_const" and raw.a_const.isnull


def uses_index(constraint: Any) -> bool:  # noqa: ANN401 - a protobuf Constraint
    return bool(constraint.indexname)


def proves_not_null(statements: Sequence[Statement], relation: str, column: str) -> bool:
    """Whether one of these adds `check (column is not null)` to a table: then SET NOT NULL scans nothing."""
    for statement in statements:
        for name, command in commands(statement):
            constraint = added_constraint(name, command)
            if constraint is not None and statement.body.relation.relname == relation:
                test = constraint.raw_expr.null_test
                is_not_null = constraint.raw_expr.WhichOneof("node") == "null_test"
                if is_not_null and names(test.arg.column_ref.fields)[-1:] == (column,):
                    return True
    return False
