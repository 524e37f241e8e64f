"""What strangers reach through SECURITY DEFINER functions, called with the ids of what belongs to somebody else."""

# ruff: noqa: E501 - queries are easier to read in long lines

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg import sql

from auditor.sources.acting import first_line
from auditor.sources.attempts import Attempt

if TYPE_CHECKING:
    from auditor.facts.ownership import Owned
    from auditor.facts.rows import World
    from auditor.facts.schema import Schema, Table
    from auditor.sources.acting import Actor
    from auditor.sources.callers import Caller
    from auditor.sources.database import Database
    from auditor.sources.planting import Planted
    from auditor.sources.transcripts import Transcripts

_FUNCTIONS = """
select f.identity, f.schema, f.name, f.oid::bigint as oid, p.provolatile::text as volatility, p.pronargdefaults as defaults,
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
_SHORT = 3
_RETURNED = "select audited.* from {call} audited"
_COUNTED = "select count(*) from (select audited from {call} audited limit {rows}) l"
_USER = re.compile(r"user|uid|profile|member|account_owner|owner|author|creator|actor|customer", re.IGNORECASE)
_NUMBERS = {"bigint", "integer", "smallint", "numeric"}
_TEXTS = {"text", "character varying", "citext"}


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

    @property
    def owner(self) -> World:
        return self.planted.worlds[0]

    def argument(self, name: str, kind: str, user: str) -> Any:  # noqa: ANN401 - any SQL value
        """A value for an argument; LookupError where none can be thought of."""
        if kind == "uuid" or (kind in {*_TEXTS, *_NUMBERS} and name.endswith("id")):
            found = self._row_id(name, kind)
            return found if found is not None else user if kind not in _NUMBERS else 1
        if kind in _TEXTS:
            return self.owner.email if "mail" in name else "audit"
        plain = {
            "boolean": True,
            "jsonb": "{}",
            "json": "{}",
            "date": "2026-01-01",
            "timestamp with time zone": "2026-01-01",
        }
        if kind in _NUMBERS:
            return 1
        if kind in plain:
            return plain[kind]
        raise LookupError(kind)

    def _row_id(self, name: str, kind: str) -> Any:  # noqa: ANN401 - any SQL value
        """The id of the owner's row in the table that an argument is named after, `p_team_id` after teams."""
        stem = re.sub(r"^(?:p|in|arg|_|v|target)_|^_|_?u?u?ids?$|_?in$", "", name.lower())
        if not stem or _USER.search(stem):
            return None
        for table in self.schema.tables.values():
            row = self.owner.rows.get(table.oid)
            if row and len(table.primary_key) == 1 and _named_after(table, stem):
                value = row.get(table.primary_key[0])
                column = table.column(table.primary_key[0])
                if column and (column.type == kind or {column.type, kind} <= {"uuid", *_TEXTS}):
                    return value
        return self._tenant_id() if kind == "uuid" else None

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


def _named_after(table: Table, stem: str) -> bool:
    name = table.name.lower()
    short = len(stem) >= _SHORT and name.startswith(stem)  # org, after organizations
    return short or name in {stem, f"{stem}s", f"{stem}es", f"{stem.removesuffix('y')}ies"}


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
    world = _World(database.schema, owned, planted)
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
        if attempt.state != "allowed" and row["volatility"] == "v":
            changed = _written(call, caller, world, actor)
            attempt = changed or attempt
        if attempt.state == "allowed":
            script = transcripts.write(tables, caller, _shown(call))
            attempt = Attempt(caller.name, "EXECUTE", "allowed", attempt.seen, script, attempt.aim)
        attempts.append(attempt)
    return attempts


def _values(row: dict[str, Any], world: _World, user: str) -> dict[str, Any]:
    """The arguments without a default, by position, that an id can be made for."""
    required = len(row["types"]) - row["defaults"]
    names = [*row["names"], *[""] * len(row["types"])]
    return {
        f"{n}:{names[n]}": world.argument(names[n] or "id", kind, user)
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
        "select count(*) from (select audited::text as line from {} audited limit {}) l where line ~ {}"
    ).format(
        sql.SQL(call),  # written by this module, its values as literals
        sql.Literal(_MAX_ROWS),
        sql.Literal(pattern),
    )
    outcome = actor.attempt(query.as_string(), reads=True) if marks else None
    if outcome is None:
        return Attempt(caller.name, "EXECUTE", "unknown", "nothing tells the planted rows from others", "", "reads")
    if outcome.error is not None:
        seen = f"ERROR {outcome.error.sqlstate}: {first_line(outcome.error)}"
        refused = outcome.error.sqlstate in {"42501", "P0001"}
        return Attempt(caller.name, "EXECUTE", "denied" if refused else "error", seen, "", "reads")
    count = int(outcome.value or 0)
    seen = f"{count} row{'' if count == 1 else 's'} naming what belongs to somebody else"
    return Attempt(caller.name, "EXECUTE", "allowed" if count else "denied", seen, "", "reads")


def _written(call: str, caller: Caller, world: _World, actor: Actor) -> Attempt | None:
    """Whether the call made the caller a member, or changed the owner's rows."""
    text = _COUNTED.format(call=call, rows=_MAX_ROWS)
    if caller.user:
        joined = actor.differs(text, world.memberships(caller.user))
        if joined is not None and int(joined[1]) > int(joined[0]):
            seen = "the caller is named beside the tenant of somebody else afterwards"
            return Attempt(caller.name, "EXECUTE", "allowed", seen, "", "joins")
    changed = actor.differs(text, world.fingerprint())
    if changed is not None and changed[0] != changed[1]:
        return Attempt(caller.name, "EXECUTE", "allowed", "a row of somebody else is changed afterwards", "", "changes")
    return None


def _marks(world: World) -> set[str]:
    """What is found in nobody else's rows."""
    ids = {str(row["id"]) for row in world.rows.values() if isinstance(row.get("id"), str)}
    return {world.user, world.email, *(value for value in ids if len(value) == 36)}  # noqa: PLR2004 - a uuid
