"""What PostgREST and Supabase Realtime serve of a database: tables, views, functions, and tables that are published."""

# ruff: noqa: E501 - queries are easier to read in long lines

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditor.sources.database import Database

_RELATIONS = """
select e.oid::bigint, e.identity, e.schema, e.name, e.kind, e.rls,
  case when e.kind = 'm' then 0 else pg_relation_is_updatable(e.oid, true) end as writable,
  (select jsonb_object_agg(role, commands) from
    (select p.role, array_agg(p.command order by p.command) as commands from privilege p where p.oid = e.oid group by p.role) x
  ) as privileges,
  exists (select from pg_publication_tables t where t.pubname = 'supabase_realtime' and t.schemaname = e.schema and t.tablename = e.name) as published
from exposed e
where not e.partition
order by e.identity
"""
_FUNCTIONS = """
select f.oid::bigint, f.identity, f.schema, f.name, f.definer, p.prosrc ~* 'auth\\.(uid|jwt|role)|request\\.jwt|current_setting' as asks_who,
  (select array_agg(a.name order by a.name) from api_role a where has_function_privilege(a.oid, f.oid, 'EXECUTE')
    and has_schema_privilege(a.oid, p.pronamespace, 'USAGE')) as callers
from own_function f
join pg_proc p on p.oid = f.oid
where f.served and p.prokind = 'f' and f.returns not in ('trigger'::regtype, 'event_trigger'::regtype)
order by f.identity
"""
_PRE_REQUEST = """
select split_part(item, '=', 2) as function from setting, pg_db_role_setting s, unnest(s.setconfig) item
where item like 'pgrst.db_pre_request=%%' limit 1
"""
# The bit of pg_relation_is_updatable for each command: whether a view, or its trigger, takes it.
_BITS = {"INSERT": 8, "UPDATE": 4, "DELETE": 16}


@dataclass(frozen=True, slots=True)
class Served:
    """A table, view or foreign table that the API serves. `privileges` maps each API role to its commands, those left
    out that a view cannot take; `published` says that Realtime sends its changes.
    """

    oid: int
    identity: str
    schema: str
    name: str
    table: bool
    rls: bool
    privileges: dict[str, tuple[str, ...]]
    published: bool

    @property
    def commands(self) -> set[str]:
        return {command for granted in self.privileges.values() for command in granted}


@dataclass(frozen=True, slots=True)
class Procedure:
    """A function that the API calls for `callers`; `asks_who` says that its body looks at who calls."""

    oid: int
    identity: str
    schema: str
    name: str
    definer: bool
    asks_who: bool
    callers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataApi:
    """`pre_request` is the function that PostgREST runs before each request, empty for none."""

    relations: list[Served]
    procedures: list[Procedure]
    pre_request: str


def read_data_api(database: Database) -> DataApi:
    """What the API's roles may reach, by name."""
    relations = [_served(row) for row in database.select(_RELATIONS)]
    procedures = [
        Procedure(**(row | {"callers": tuple(row["callers"])})) for row in database.select(_FUNCTIONS) if row["callers"]
    ]
    set_up = database.select(_PRE_REQUEST)
    return DataApi(relations, procedures, set_up[0]["function"] if set_up else "")


def _served(row: dict[str, Any]) -> Served:
    table = row["kind"] in {"r", "p"}
    privileges = {
        role: tuple(c for c in commands if table or c == "SELECT" or row["writable"] & _BITS[c])
        for role, commands in row["privileges"].items()
    }
    names = {name: row[name] for name in ("oid", "identity", "schema", "name", "rls", "published")}
    return Served(**names, table=table, privileges={role: found for role, found in privileges.items() if found})
