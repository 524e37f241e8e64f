"""The transcript of a probe: what a reviewer pastes into psql on a replayed database to see the same."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    from auditor.facts.rows import World
    from auditor.facts.schema import Schema, Table
    from auditor.sources.planting import Planted


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the database role, and the claims as PostgREST sets them."""

    name: str
    role: str
    claims: str


def anonymous() -> Caller:
    return Caller("anon", "anon", json.dumps({"role": "anon"}))


def stranger(world: World) -> Caller:
    """The signed-in user of a world that the rows in question do not belong to."""
    claims: dict[str, Any] = {
        "aud": "authenticated",
        "role": "authenticated",
        "sub": world.user,
        "email": world.email,
        "is_anonymous": False,
        "aal": "aal1",
        "app_metadata": {"provider": "email"},
        "user_metadata": {},
    }
    return Caller("stranger", "authenticated", json.dumps(claims))


@dataclass(frozen=True, slots=True)
class Transcripts:
    """Writes transcripts over the rows planted for the first world, their owner."""

    schema: Schema
    planted: Planted

    def write(self, table: Table, caller: Caller, statement: str, *, rows: bool) -> str:
        """One transaction that is rolled back; with `rows` it plants the owner's row first."""
        lines = ["begin;"]
        found = self._trigger_rows() if rows else []
        if rows:
            lines += [f"{text};" for name, text in self.planted.users.items() if name == self._owner.name]
            lines += [query for _, _, query in found]
            lines += [f"{text};" for text in self._ancestry(table)]
        claims = sql.Literal(caller.claims).as_string()
        lines += [f"set local role {caller.role};", f"select set_config('request.jwt.claims', {claims}, true);"]
        text = "\n".join([*lines, f"{statement};", "rollback;"])
        for value, variable, _ in found:
            text = text.replace(f"'{value}'", f":'{variable}'")
        return text

    @property
    def _owner(self) -> World:
        return self.planted.worlds[0]

    def _trigger_rows(self) -> list[tuple[str, str, str]]:
        """Ids that a trigger made up for the owner: value, psql variable, and the query that reads it."""
        found = []
        for (world, oid), column in self.planted.found.items():
            table = self.schema.tables[oid]
            key = table.primary_key[0] if len(table.primary_key) == 1 else ""
            value = self._owner.rows[oid].get(key) if world == self._owner.name else None
            if isinstance(value, str) and value != self._owner.user:
                variable = re.sub(r"\W", "_", f"{table.name}_{key}", flags=re.ASCII)
                found.append((value, variable, self._reading(table, key, variable, column)))
        return found

    def _reading(self, table: Table, key: str, variable: str, column: str) -> str:
        query = sql.SQL("select {} as {} from {} where {} = {} limit 1 \\gset").format(
            sql.Identifier(key),
            sql.Identifier(variable),
            sql.Identifier(table.schema, table.name),
            sql.Identifier(column),
            sql.Literal(self._owner.user),
        )
        return query.as_string()

    def _ancestry(self, table: Table) -> list[str]:
        """The statements that planted the owner's row and everything it refers to, in order."""
        wanted: set[int] = set()
        waiting = [table.oid]
        while waiting:
            oid = waiting.pop()
            if oid not in wanted and oid in self.schema.tables:
                wanted.add(oid)
                waiting += [key.target for key in self.schema.tables[oid].foreign_keys]
        made = self.planted.statements.items()
        return [text for (name, oid), text in made if name == self._owner.name and oid in wanted]
