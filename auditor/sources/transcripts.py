"""The transcript of a probe: what a reviewer pastes into psql on a replayed database to see the same.

That of a finding stands by itself. Those of the matrix share what plants the rows, which is most of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.facts.rows import World
    from auditor.facts.schema import Schema, Table
    from auditor.sources.callers import Caller
    from auditor.sources.planting import Planted


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Setup:
    """What the transcripts of one database have in common: `rows` plants everything, `callers` lets each one act.
    `made_up` are ids that a trigger made up, with the psql variables that hold them.
    """

    rows: str
    callers: dict[str, str]
    made_up: dict[str, str]

    def shown(self, text: str) -> str:
        """The text with such ids asked for: another replay makes up others. Inside a pattern they are put together."""
        for value, variable in self.made_up.items():
            text = text.replace(f"'{value}'", f":'{variable}'")
            if _UUID.fullmatch(value):
                text = text.replace(value, f"' || :'{variable}' || '")
        return text


@dataclass(frozen=True, slots=True)
class Transcripts:
    """Writes transcripts over the rows planted for the worlds that a caller has to do with."""

    schema: Schema
    planted: Planted

    def write(self, tables: list[int], caller: Caller, statement: str, *, rows: bool = True) -> str:
        """One transaction that is rolled back; with `rows` it plants first what `tables` hold of either world."""
        lines = ["begin;"]
        worlds = [world for world in self.planted.worlds if world.name in {caller.home, caller.foreign}]
        found = self._trigger_rows(worlds) if rows else []
        if rows:
            people = [*(world.name for world in self.planted.worlds), caller.name]
            lines += [f"{self.planted.users[name]};" for name in people if name in self.planted.users]
            lines += [query for _, _, query in found]
            lines += [f"{text};" for text in self._statements(tables, worlds, caller.home)]
            lines += [f"{text};" for text in self.planted.member_statements.get(caller.name, ())]
        text = "\n".join([*lines, _acting(caller), f"{statement};", "rollback;"])
        for value, variable, _ in found:
            text = text.replace(f"'{value}'", f":'{variable}'")
        return text

    def setup(self, callers: Sequence[Caller], more: Sequence[str] = ()) -> Setup:
        """What every transcript of the matrix begins with: all rows, in the order in which they were made."""
        worlds = self.planted.worlds
        people = dict.fromkeys([*(world.name for world in worlds), *self.planted.users])
        first = [self.planted.users[world.name] for world in worlds if world.name in self.planted.users]
        later = [self.planted.users[name] for name in people if name not in {w.name for w in worlds}]
        members = [text for texts in self.planted.member_statements.values() for text in texts]
        made_up = self._trigger_rows(list(worlds))
        waiting = list(made_up)
        lines: list[str] = []
        for text in dict.fromkeys([*first, *self.planted.statements.values(), *members, *later, *more]):
            used = [found for found in waiting if found[0] in text]
            waiting = [found for found in waiting if found not in used]
            lines += [*(query for _, _, query in used), f"{text};"]
        rows = "\n".join([*lines, *(query for _, _, query in waiting)])
        setup = Setup("", {caller.name: _acting(caller) for caller in callers}, {v: name for v, name, _ in made_up})
        return replace(setup, rows=setup.shown(rows))

    def _trigger_rows(self, worlds: list[World]) -> list[tuple[str, str, str]]:
        """Ids that a trigger made up for a user: value, psql variable, and the query that reads it."""
        found = []
        names = {world.name: world for world in worlds}
        for (name, oid), column in self.planted.found.items():
            table, world = self.schema.tables[oid], names.get(name)
            key = table.primary_key[0] if len(table.primary_key) == 1 else ""
            value = world.rows[oid].get(key) if world else None
            if world and isinstance(value, str) and value != world.user:
                variable = re.sub(r"\W", "_", f"{table.name}_{key}_{name}", flags=re.ASCII)
                found.append((value, variable, _reading(table, key, variable, column, world)))
        return found

    def _statements(self, tables: list[int], worlds: list[World], home: str) -> list[str]:
        """What plants the rows, in order: all of the caller's own world, since memberships decide what it may do, and
        of the other what the rows in question refer to.
        """
        wanted: set[int] = set()
        waiting = list(tables)
        while waiting:
            oid = waiting.pop()
            if oid not in wanted and oid in self.schema.tables:
                wanted.add(oid)
                waiting += [key.target for key in self.schema.tables[oid].foreign_keys]
        names = {world.name for world in worlds}
        lines: list[str] = []
        for (name, oid), text in self.planted.statements.items():
            if name == home or (name in names and oid in wanted):
                lines += [*self.planted.needs.get((name, oid), ()), text]
        return list(dict.fromkeys(lines))


def _acting(caller: Caller) -> str:
    claims = sql.Literal(caller.claims).as_string()
    plain = re.fullmatch(r"[a-z_][a-z0-9_]*", caller.role)
    role = caller.role if plain else sql.Identifier(caller.role).as_string()
    return f"set local role {role};\nselect set_config('request.jwt.claims', {claims}, true);"


def _reading(table: Table, key: str, variable: str, column: str, world: World) -> str:
    query = sql.SQL("select {} as {} from {} where {} = {} limit 1 \\gset").format(
        sql.Identifier(key),
        sql.Identifier(variable),
        sql.Identifier(table.schema, table.name),
        sql.Identifier(column),
        sql.Literal(world.user),
    )
    return query.as_string()
