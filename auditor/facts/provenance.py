"""From an object of the replayed database to the file and line of the statement that made it what it is."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.facts.statements import names, relation_name
from auditor.model import DbObject, FileSpan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.facts.statements import Statement

# The object's last change is the place for these kinds; for a table it is where it was created.
_SAYS_NOTHING = {"comment_stmt", "alter_owner_stmt", "alter_object_schema_stmt"}
_MAKES = ("CREATE ", "SELECT INTO")
_RIGHTS = re.compile(r"\bsecurity\s+(?:definer|invoker)\b", re.IGNORECASE)
_REPLACED = {"policy", "function", "view", "materialized view"}


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the recorder: statement `number` made, changed or (`dropped`) removed an object."""

    number: int | None
    dropped: bool
    classid: int
    objid: int
    tag: str
    identity: str


class Provenance:
    """Answers which statement is responsible for an object, over the events of one replay."""

    def __init__(self, statements: Sequence[Statement], events: Iterable[Event]) -> None:
        self._statements = statements
        self._by_object: dict[tuple[int, int], list[int]] = defaultdict(list)
        self._dropped: dict[int, list[Event]] = defaultdict(list)
        self._born: dict[str, int] = {}
        self._births: dict[str, list[int]] = defaultdict(list)
        self._bare: dict[str, set[str]] = defaultdict(set)
        self._touched: dict[str, set[int]] = defaultdict(set)
        self._policies: dict[str, Statement] = {}  # the last that was made for each table
        for event in events:
            if event.number is None or event.number >= len(statements):
                continue
            named = event.identity.replace('"', "")
            self._touched[named.partition(" on ")[2] or named].add(event.number)  # a policy's identity: name on table
            if event.dropped:
                self._dropped[event.number].append(event)
            else:
                self._by_object[event.classid, event.objid].append(event.number)
                self._born.setdefault(event.identity, event.number)
                plain = event.identity.replace('"', "")
                if event.tag.startswith(_MAKES) or plain not in self._births:  # a rename makes a new identity, too
                    self._births[plain].append(event.number)
                    self._bare[plain.rpartition(".")[2]].add(plain)

        for statement in statements:  # the server names no object for these
            kind = statement.kind
            if kind == "create_policy_stmt":
                self._policies[relation_name(statement.body.table)] = statement
            elif kind == "grant_stmt":
                for item in statement.body.objects:
                    if item.WhichOneof("node") == "range_var":
                        self._touched[relation_name(item.range_var)].add(statement.number)

    def history(self, relation: str) -> list[Statement]:
        """Every statement that made, changed, granted or dropped something of a relation (`schema.name`), in order."""
        return [self._statements[number] for number in sorted(self._touched.get(relation.replace('"', ""), ()))]

    def dropped_by(self, statement: Statement) -> list[Event]:
        """What a statement really dropped: `drop table if exists` of nothing drops nothing."""
        return self._dropped.get(statement.number, [])

    def columns_added_in(self, path: str) -> set[str]:
        """Names of the columns that a file adds to tables that were there."""
        commands = (c for s in self._statements if s.path == path for c in table_commands(s))
        added = [getattr(c, "def").column_def.colname for c in commands if command_name(c) == "AT_AddColumn"]
        return set(added)

    def born_in(self, identity: str) -> Statement | None:
        """The statement that first made an object of this identity."""
        number = self._born.get(identity)
        return None if number is None else self._statements[number]

    def find_made(self, statement: Statement, schema: str, name: str) -> tuple[str, Statement] | None:
        """What a name means to a statement, as `schema.name`, with the earlier statement that made it.

        A name without a schema is looked for in public, then wherever only one thing is named so.
        """
        found = {f"{schema or 'public'}.{name}"}
        if not schema and not self._births.keys() & found:
            found = set(self._bare.get(name, found))
        full = found.pop() if len(found) == 1 else ""
        numbers = [number for number in self._births.get(full, ()) if number < statement.number]
        return (full, self._statements[numbers[-1]]) if numbers else None

    def statements_of(self, place: DbObject) -> list[Statement]:
        """Every statement that made or changed an object, in order."""
        numbers = dict.fromkeys(self._by_object.get((place.classid, place.objid), ()))
        made = (self._statements[number] for number in numbers)
        return [statement for statement in made if statement.kind not in _SAYS_NOTHING]

    def span(self, place: DbObject) -> FileSpan | None:
        """Where to look: the statement that last set what the finding is about, narrowed to a column if it has one."""
        statements = self.statements_of(place)
        if not statements:
            return None
        if place.aspect == "rls":
            return _span(_last_disabling(statements) or statements[0])
        if place.aspect == "policy":
            return _span(self._policies.get(place.identity.replace('"', ""), statements[0]))
        if place.column and (narrowed := _column(statements, place.column)):
            return narrowed
        if place.kind == "function":
            return _span(_body(statements))
        return _span(statements[-1] if place.kind in _REPLACED else statements[0])


def _body(statements: list[Statement]) -> Statement:
    """The last that says what a function does, or with whose rights: not one that only sets its search_path."""
    made = [s for s in statements if s.kind == "create_function_stmt" or _RIGHTS.search(s.text)]
    return (made or statements)[-1]


def _span(statement: Statement) -> FileSpan:
    return FileSpan(statement.path, statement.line, statement.end_line)


def table_commands(statement: Statement) -> list[Any]:
    """The commands of an ALTER TABLE, each with its `subtype`; empty for every other statement."""
    if statement.kind != "alter_table_stmt":
        return []
    return [item.alter_table_cmd for item in statement.body.cmds if item.WhichOneof("node") == "alter_table_cmd"]


def command_name(command: Any) -> str:  # noqa: ANN401 - a protobuf AlterTableCmd
    """The grammar's name of an ALTER TABLE command, such as `AT_DisableRowSecurity`."""
    field = command.DESCRIPTOR.fields_by_name["subtype"]
    return str(field.enum_type.values_by_number[command.subtype].name)


def _last_disabling(statements: list[Statement]) -> Statement | None:
    for statement in reversed(statements):
        if any(command_name(command) == "AT_DisableRowSecurity" for command in table_commands(statement)):
            return statement
    return None


def _column(statements: list[Statement], column: str) -> FileSpan | None:
    for statement in reversed(statements):
        for item in _definitions(statement):
            location = _location(item, column)
            if location is not None:
                line = statement.line_at(location)
                return FileSpan(statement.path, line, line)
    return None


def _definitions(statement: Statement) -> list[Any]:
    """Column and constraint definitions that a CREATE TABLE or ALTER TABLE holds."""
    if statement.kind == "create_stmt":
        return list(statement.body.table_elts)
    return [getattr(command, "def") for command in table_commands(statement)]


def _location(item: Any, column: str) -> int | None:  # noqa: ANN401 - a protobuf node
    kind = item.WhichOneof("node")
    if kind == "column_def" and item.column_def.colname == column:
        return int(item.column_def.location)
    if kind == "constraint" and column in (*names(item.constraint.fk_attrs), *names(item.constraint.keys)):
        return int(item.constraint.location)
    return None
