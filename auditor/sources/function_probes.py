"""What strangers reach through SECURITY DEFINER functions, called with the ids of what belongs to somebody else."""

# ruff: noqa: E501 - queries are easier to read in long lines

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from psycopg import sql

from auditor.sources.acting import first_line
from auditor.sources.attempts import Attempt
from auditor.sources.call_arguments import TEXTS, distance, named_after, read_types, spoken_of, takes
from auditor.sources.readings import refuses

if TYPE_CHECKING:
    import psycopg

    from auditor.facts.ownership import Owned
    from auditor.facts.rows import World
    from auditor.facts.schema import Schema
    from auditor.sources.acting import Actor
    from auditor.sources.call_arguments import Types
    from auditor.sources.callers import Caller
    from auditor.sources.database import Database
    from auditor.sources.planting import Planted
    from auditor.sources.transcripts import Transcripts

_FUNCTIONS = """
select f.identity, f.schema, f.name, f.oid::bigint as oid, p.prosrc as body, p.provolatile::text as volatility, p.pronargdefaults as defaults,
  coalesce(p.proargnames, '{}') as names, coalesce(p.proargmodes::text[], '{}') as modes,
  (select array_agg(format_type(u.type, null) order by u.n) from unnest(p.proargtypes) with ordinality u(type, n)) as types,
  (select array_agg(a.name order by a.name) from api_role a where has_function_privilege(a.oid, f.oid, 'EXECUTE')
    and has_schema_privilege(a.oid, p.pronamespace, 'USAGE')) as callers
from own_function f
join pg_proc p on p.oid = f.oid
where f.definer and f.served and p.prokind = 'f' and p.pronargs between 1 and 8
  and f.returns not in ('trigger'::regtype, 'event_trigger'::regtype)
order by f.identity
"""
_MAX_FUNCTIONS = 80
_MAX_ROWS = 1000
_RETURNED = "select audited.* from {call} audited"
_COUNTED = "select count(*) from (select audited from {call} audited limit {rows}) l"
_NUMBERED = "select pg_catalog.pg_current_xact_id_if_assigned() is not null"
_USER = re.compile(r"user|uid|profile|member|account_owner|owner|author|creator|actor|customer", re.IGNORECASE)
_NUMBERS = {"bigint", "integer", "smallint", "numeric", "real", "double precision"}
_PLAIN: dict[str, Any] = {
    "boolean": True, "jsonb": "{}", "json": "{}", "date": "2026-01-01", "timestamp with time zone": "2026-01-01",
    "timestamp without time zone": "2026-01-01", "time without time zone": "12:00", "time with time zone": "12:00+00",
    "interval": "1 day", "bytea": "\\x61", "inet": "192.0.2.1", "cidr": "192.0.2.0/24", "money": "1", "xml": "<a/>",
    "tsquery": "a", "point": "(0,0)", "regclass": "pg_class",
}  # fmt: skip


@dataclass(slots=True)
class FunctionProbe:
    """One function. An attempt's aim is `reads`, `changes` or `joins`: what the call did with what belongs to another."""

    oid: int
    identity: str
    attempts: list[Attempt] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _World:
    """What calls are made of: ids by the name of a table or a column, and what tells the owner's rows from all others."""

    schema: Schema
    owned: dict[int, Owned]
    planted: Planted
    types: Types

    @property
    def owner(self) -> World:
        return self.planted.worlds[0]

    def argument(self, name: str, kind: str, user: str, body: str) -> Any:  # noqa: ANN401 - any SQL value
        """A value for an argument; LookupError where none can be thought of."""
        return self.types.value(name, kind, lambda named, of: self._plain(named, of, user, body))

    def _plain(self, name: str, kind: str, user: str, body: str) -> Any:  # noqa: ANN401 - any SQL value
        if kind == "uuid" or (kind in {*TEXTS, *_NUMBERS} and name.endswith("id")):
            found = self._row_id(name, kind, body)
            return found if found is not None else user if kind not in _NUMBERS else 1
        if kind in TEXTS:
            return self.owner.email if "mail" in name else "audit"
        if kind in _NUMBERS:
            return 1
        return _PLAIN[kind]

    def _row_id(self, name: str, kind: str, body: str) -> Any:  # noqa: ANN401 - any SQL value
        """The id of the owner's row in the table that an argument is named after, `p_team_id` after teams; an `id` is of
        the table that the function speaks of first.
        """
        stem = re.sub(r"^(?:p|in|arg|_|v|target)_|^_|_?u?u?ids?$|_?in$", "", name.lower())
        if _USER.search(stem):
            return None
        if stem:
            tables = [table for table in self.schema.tables.values() if named_after(table, stem)]
            tables.sort(key=lambda table: distance(table, stem))
        else:
            tables = spoken_of(body, self.schema.tables.values())
        for table in tables:
            row = self.owner.rows.get(table.oid) or {}
            singles = [key[0] for key in (table.primary_key, ("id",), *table.unique) if len(key) == 1]
            for single in dict.fromkeys(singles):
                column, value = table.column(single), row.get(single)
                if column and value is not None and takes(kind, column.type, value):
                    return value
        return self._tenant_id() if kind == "uuid" and stem else None

    def _tenant_id(self) -> Any:  # noqa: ANN401 - any SQL value
        """The owner's tenant, where a schema has one: what an argument that is not named after a user may mean."""
        for table in self.schema.tables.values():
            owned, row = self.owned.get(table.oid), self.owner.rows.get(table.oid)
            if owned and owned.tenant and row and isinstance(row.get(owned.tenant), str):
                return row[owned.tenant]
        return None

    def fingerprint(self) -> str:
        """One value for all of the owner's rows, as the service role sees them."""
        parts = []
        for table in self.schema.tables.values():
            row, owned = self.owner.rows.get(table.oid), self.owned.get(table.oid)
            if row and owned and len(table.primary_key) == 1 and row.get(table.primary_key[0]) is not None:
                name, key = sql.Identifier(table.schema, table.name), sql.Identifier(table.primary_key[0])
                value = sql.Literal(row[table.primary_key[0]])
                parts.append(sql.SQL("(select t::text from {} t where {} = {})").format(name, key, value))
        joined = sql.SQL(", ").join(parts) if parts else sql.SQL("''")
        return sql.SQL("select md5(concat_ws('|', {}))").format(joined).as_string()

    def memberships(self, user: str) -> str:
        """How many rows name `user` beside a tenant of the owner."""
        parts = []
        for table in self.schema.tables.values():
            row, owned = self.owner.rows.get(table.oid), self.owned.get(table.oid)
            if row and owned and owned.users and owned.tenant and row.get(owned.tenant) is not None:
                text = "(select count(*) from {} where {}::text = {} and {} = {})"
                parts.append(
                    sql.SQL(text).format(
                        sql.Identifier(table.schema, table.name),
                        sql.Identifier(owned.users[0]),
                        sql.Literal(user),
                        sql.Identifier(owned.tenant),
                        sql.Literal(row[owned.tenant]),
                    )
                )
        return sql.SQL("select {}").format(sql.SQL(" + ").join(parts) if parts else sql.SQL("0")).as_string()


def probe_functions(
    database: Database,
    planted: Planted,
    owned: dict[int, Owned],
    callers: list[Caller],
    actor: Actor,
    transcripts: Transcripts,
) -> list[FunctionProbe]:
    """Call what an API role may call, as those to whom nothing belongs. Only the service role can see what changed, so a
    server without one is left out.
    """
    if not database.supabase or "a" not in planted.users:
        return []
    world = _World(database.schema, owned, planted, read_types(database))
    rows = database.select(_FUNCTIONS)[:_MAX_FUNCTIONS]
    found = {row["oid"]: FunctionProbe(row["oid"], row["identity"]) for row in rows if row["callers"]}
    for caller in callers:
        if caller.home or caller.role not in database.api_roles:
            continue
        actor.become(caller)
        for row in rows:
            if row["callers"] and caller.role in row["callers"]:
                found[row["oid"]].attempts += _calls(row, caller, world, actor, transcripts)
    return list(found.values())


def _calls(row: dict[str, Any], caller: Caller, world: _World, actor: Actor, transcripts: Transcripts) -> list[Attempt]:
    tables = [oid for oid, kept in world.owner.rows.items() if kept]
    attempts = []
    for user in dict.fromkeys((world.owner.user, caller.user or world.owner.user)):
        try:
            values = _values(row, world, user)
        except LookupError:
            return [Attempt(caller.name, "EXECUTE", "unknown", "no argument of such a type can be made", "", "reads")]
        call = _call(row, values)
        attempt = _read(call, values, caller, world, actor)
        shown = attempt.statement
        if attempt.state in {"denied", "unknown"} and row["volatility"] == "v" and _may_have_written(attempt, actor):
            attempt = _written(call, caller, world, actor) or attempt
            actor.become(caller)
        if attempt.state == "allowed":
            script = transcripts.write(tables, caller, _shown(call))
            attempt = replace(attempt, script=script, statement=shown if attempt.aim == "reads" else _shown(call))
        attempts.append(attempt)
    return attempts


def _values(row: dict[str, Any], world: _World, user: str) -> dict[str, Any]:
    """The arguments without a default, by position, that an id can be made for."""
    required = len(row["types"]) - row["defaults"]
    names = [*row["names"], *[""] * len(row["types"])]
    return {
        f"{n}:{names[n]}": world.argument(names[n] or "id", kind, user, row["body"])
        for n, kind in enumerate(row["types"][:required])
    }


def _call(row: dict[str, Any], values: dict[str, Any]) -> str:
    given = [
        sql.SQL("{}::{}").format(sql.Literal(value), sql.SQL(kind))
        for value, kind in zip(values.values(), row["types"], strict=False)
    ]
    arguments = sql.SQL(", ").join(given)
    return sql.SQL("{}({})").format(sql.Identifier(row["schema"], row["name"]), arguments).as_string()


def _shown(call: str) -> str:
    return _RETURNED.format(call=call)


def _read(call: str, values: dict[str, Any], caller: Caller, world: _World, actor: Actor) -> Attempt:
    """Whether what comes back names anything of the owner's that was not put in."""
    given = {str(value) for value in values.values()}
    marks = sorted(_marks(world.owner) - given)
    pattern = "|".join(re.escape(mark) for mark in marks)
    query = sql.SQL(
        "select count(*) from (select audited::text as line from {} audited limit {}) l where line ~ ({})"
    ).format(
        sql.SQL(call),  # written by this module, its values as literals
        sql.Literal(_MAX_ROWS),
        sql.Literal(pattern),
    )
    if not marks:
        return Attempt(caller.name, "EXECUTE", "unknown", "nothing tells the planted rows from others", "", "reads")
    text = query.as_string()
    outcome = actor.attempt(text)
    if outcome.error is not None:
        seen = f"ERROR {outcome.error.sqlstate}: {first_line(outcome.error)}"
        return Attempt(caller.name, "EXECUTE", _state(outcome.error), seen, "", "reads", statement=text)
    count = int(outcome.value or 0)
    seen = f"{count} row{'' if count == 1 else 's'} naming what belongs to somebody else"
    return Attempt(caller.name, "EXECUTE", "allowed" if count else "denied", seen, "", "reads", statement=text)


def _may_have_written(attempt: Attempt, actor: Actor) -> bool:
    """A call that fails changes nothing, and one that writes has its transaction given a number, also once undone."""
    if attempt.seen.startswith("ERROR "):
        return False
    return not attempt.statement or actor.attempt(_NUMBERED).value != "f"


def _state(error: psycopg.Error) -> str:
    """An argument that its type does not take never reached the function: nothing is known of it then."""
    if refuses(error):
        return "denied"
    unread = (error.sqlstate or "")[:2] in {"22", "23"} and not error.diag.context
    return "unknown" if unread else "error"


def _written(call: str, caller: Caller, world: _World, actor: Actor) -> Attempt | None:
    """Whether the call made the caller a member, or changed the owner's rows."""
    text = _COUNTED.format(call=call, rows=_MAX_ROWS)
    members = world.memberships(caller.user) if caller.user else "select 0"
    seen = actor.differs(text, f"select concat(({members}), '|', ({world.fingerprint()}))")
    if seen is None or seen[0] == seen[1]:
        return None
    (was, before), (now, after) = (value.split("|") for value in (seen[0] or "0|", seen[1] or "0|"))
    if int(now) > int(was):
        words = "the caller is named beside the tenant of somebody else afterwards"
        return Attempt(caller.name, "EXECUTE", "allowed", words, "", "joins")
    if before == after:
        return None
    return Attempt(caller.name, "EXECUTE", "allowed", "a row of somebody else is changed afterwards", "", "changes")


def _marks(world: World) -> set[str]:
    """What is found in nobody else's rows."""
    ids = {str(row["id"]) for row in world.rows.values() if isinstance(row.get("id"), str)}
    return {world.user, world.email, *(value for value in ids if len(value) == 36)}  # noqa: PLR2004 - a uuid
