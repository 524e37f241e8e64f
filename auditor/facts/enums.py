"""The values of enum types, followed over a history's statements."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.facts.statements import enum_name, names

if TYPE_CHECKING:
    from auditor.facts.statements import Statement


@dataclass(slots=True)
class EnumHistory:
    """`values` of each type now, by `schema.name`, and the statement that `made` it."""

    values: dict[str, list[str]] = field(default_factory=dict)
    made: dict[str, Statement] = field(default_factory=dict)

    def apply(self, statement: Statement) -> None:
        """Take a statement into account; one that concerns no enum changes nothing."""
        if statement.kind == "create_enum_stmt":
            name = _full(names(statement.body.type_name))
            self.values[name] = list(names(statement.body.vals))
            self.made[name] = statement
        elif statement.kind == "alter_enum_stmt":
            self._alter(statement.body)
        elif statement.kind == "rename_stmt" and enum_name(statement.body, "rename_type") == "OBJECT_TYPE":
            self._rename(names(statement.body.object.list.items), statement.body.newname)
        elif statement.kind == "drop_stmt" and enum_name(statement.body, "remove_type") == "OBJECT_TYPE":
            for item in statement.body.objects:
                self.values.pop(_full(names(item.type_name.names)), None)

    def _alter(self, body: Any) -> None:  # noqa: ANN401 - a protobuf AlterEnumStmt
        values = self.values.get(_full(names(body.type_name)))
        if values is not None and body.old_val in values:
            values[values.index(body.old_val)] = body.new_val
        elif values is not None and body.new_val not in values:
            values.append(body.new_val)

    def _rename(self, parts: tuple[str, ...], new: str) -> None:
        old = _full(parts)
        if old in self.values:
            name = f"{old.rpartition('.')[0]}.{new}"
            self.values[name] = self.values.pop(old)
            if old in self.made:
                self.made[name] = self.made.pop(old)


def _full(parts: tuple[str, ...]) -> str:
    return ".".join(("public", *parts)[-2:])
