"""Reads the schema of a database as data (`auditor.facts.schema`)."""

# ruff: noqa: E501 - queries are easier to read in long lines

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from auditor.facts.schema import Column, ForeignKey, Policy, Routine, Schema, Table
from auditor.sources.database import select

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from auditor.sources.database import Scope

_TABLES = """
select r.oid::bigint, r.schema, r.name, r.identity, r.rls, r.partition, coalesce(g.roles, '{}') <> '{}' and r.served as exposed,
  (select jsonb_object_agg(role, commands) from
    (select p.role, array_agg(p.command order by p.command) as commands from privilege p where p.oid = r.oid group by p.role) x
  ) as privileges
from relation r left join reachable g on g.oid = r.oid
where r.kind in ('r', 'p')
order by r.identity
"""
_COLUMNS = """
select a.attrelid::bigint as oid, a.attname::text as name, a.attnotnull or t.typnotnull as not_null,
  pg_get_expr(d.adbin, d.adrelid) as default, a.attgenerated <> '' as generated, a.attidentity = 'a' as identity_always, a.attidentity <> '' as identity, case when t.typtype = 'd' then t.typname::text else '' end as domain,
  format_type(b.oid, null) as type, format_type(b.oid, base.typmod) as declared, t.typcategory::text as category,
  case when base.typmod > 4 and b.typname in ('varchar', 'bpchar') then base.typmod - 4 else 0 end as length,
  (select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_enum e
    where e.enumtypid = b.oid or (b.typcategory = 'A' and e.enumtypid = b.typelem)) as elements,
  (select array_agg(pg_get_constraintdef(c.oid) order by c.conname) from pg_constraint c
    where t.typtype = 'd' and c.contype = 'c' and c.contypid = any (base.chain)) as checks,
  (select count(*) from pg_attribute f where f.attrelid = nullif(b.typrelid, 0) and f.attnum > 0 and not f.attisdropped) as fields
from pg_attribute a
join relation r on r.oid = a.attrelid and r.kind in ('r', 'p')
join pg_type t on t.oid = a.atttypid
cross join lateral (
  with recursive domain(oid, typmod, chain) as (
    select t.oid, a.atttypmod, array[t.oid]
    union all
    select d.typbasetype, d.typtypmod, o.chain || d.typbasetype from domain o join pg_type d on d.oid = o.oid and d.typtype = 'd'
  )
  select oid, typmod, chain from domain order by cardinality(chain) desc limit 1
) base
join pg_type b on b.oid = base.oid
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum
"""
_CONSTRAINTS = """
select c.conrelid::bigint as oid, c.contype::text as type, c.conname::text as name, c.confrelid::bigint as target,
  (select array_agg(a.attname::text order by k.n) from unnest(c.conkey) with ordinality k(num, n)
    join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.num) as columns,
  (select array_agg(a.attname::text order by k.n) from unnest(c.confkey) with ordinality k(num, n)
    join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.num) as target_columns,
  case when c.contype in ('c', 'x') then pg_get_constraintdef(c.oid) end as definition
from pg_constraint c
join relation r on r.oid = c.conrelid
order by c.conrelid, c.conname
"""
_UNIQUE = """
select i.indrelid::bigint as oid, array_agg(a.attname::text order by k.n) as columns,
  (select c.relname::text from pg_class c where c.oid = i.indexrelid) as name
from pg_index i
join relation r on r.oid = i.indrelid
cross join lateral unnest(i.indkey) with ordinality k(num, n)
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.num
where i.indisunique
group by i.indrelid, i.indexrelid
order by i.indrelid, i.indexrelid
"""
_POLICIES = """
select p.relation::bigint as oid, q.oid::bigint as policy, p.name, q.polpermissive as permissive,
  case q.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end as command,
  (select array_agg(coalesce(o.rolname::text, 'public') order by o.rolname) from unnest(q.polroles) u(id)
    left join pg_roles o on o.oid = u.id) as roles,
  pg_get_expr(q.polqual, q.polrelid) as using, pg_get_expr(q.polwithcheck, q.polrelid) as check
from policy p
join pg_policy q on q.oid = p.oid
order by p.identity
"""
_TRIGGERS = """
select t.tgrelid::bigint as oid, t.tgname::text as name, n.nspname::text || '.' || p.proname::text as function
from pg_trigger t
join relation r on r.oid = t.tgrelid
join pg_proc p on p.oid = t.tgfoid
join pg_namespace n on n.oid = p.pronamespace
where not t.tgisinternal
order by t.tgrelid, t.tgname
"""
_PARTITIONS = """
select i.inhparent::bigint as oid, p.relname::text as name, pg_get_expr(p.relpartbound, p.oid) as bound,
  pg_get_partkeydef(i.inhparent) as key
from pg_inherits i
join pg_class p on p.oid = i.inhrelid and p.relispartition
join relation r on r.oid = i.inhparent
order by i.inhparent, p.relname
"""
_ROUTINES = """
select f.name, min(p.prosrc) as body,
  min((select coalesce(jsonb_agg(coalesce(p.proargnames[n], '') order by n), '[]')::text from generate_series(1, p.pronargs) n)) as arguments
from own_function f
join pg_proc p on p.oid = f.oid and p.prokind = 'f' and not p.proretset
where exists (select from pg_depend d where d.refclassid = 'pg_proc'::regclass and d.refobjid = f.oid and d.classid = 'pg_constraint'::regclass)
  and length(p.prosrc) < 4000
group by f.name
having count(*) = 1
"""
# By name: to_regclass refuses a role that may not use the schema.
_USERS = """
select coalesce(max(c.oid::bigint), 0) as oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'auth' and c.relname = 'users' and exists (select from setting)
"""


def read_schema(session: psycopg.Connection[Any], scope: Scope) -> Schema:
    """Tables, columns, constraints and policies of the application's own schemas."""

    def rows(query: str) -> list[dict[str, Any]]:
        return select(session, query, scope)

    tables = {row["oid"]: _table(row) for row in rows(_TABLES)}
    for query, fill in _PARTS.items():
        for oid, found in _grouped(rows(query)).items():
            if oid in tables:
                fill(tables[oid], found)
    routines = {row["name"]: Routine(tuple(json.loads(row["arguments"])), row["body"]) for row in rows(_ROUTINES)}
    return Schema(tables, rows(_USERS)[0]["oid"], routines)


def _grouped(rows: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    groups: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["oid"]].append(row)
    return groups


def _table(row: dict[str, Any]) -> Table:
    return Table(
        oid=row["oid"],
        schema=row["schema"],
        name=row["name"],
        identity=row["identity"],
        rls=row["rls"],
        exposed=row["exposed"],
        partition=row["partition"],
        privileges={role: tuple(commands) for role, commands in sorted((row["privileges"] or {}).items())},
    )


def _column(row: dict[str, Any]) -> Column:
    return Column(
        name=row["name"],
        type=row["type"],
        category=row["category"],
        not_null=row["not_null"],
        default=row["default"],
        generated=row["generated"],
        domain=row["domain"],
        identity_always=row["identity_always"],
        identity=row["identity"],
        elements=tuple(row["elements"] or ()),
        length=row["length"],
        declared=row["declared"],
        checks=tuple(row["checks"] or ()),
        fields=row["fields"],
    )


def _constrain(table: Table, rows: list[dict[str, Any]]) -> None:
    table.primary_key = next((tuple(row["columns"]) for row in rows if row["type"] == "p"), ())
    table.checks = {row["name"]: row["definition"] for row in rows if row["type"] == "c"}
    table.exclusions = {row["name"]: row["definition"] for row in rows if row["type"] == "x"}
    table.foreign_keys = tuple(
        ForeignKey(
            row["name"],
            tuple(row["columns"]),
            row["target"],
            tuple(row["target_columns"]),
        )
        for row in rows
        if row["type"] == "f"
    )


def _policy(row: dict[str, Any]) -> Policy:
    return Policy(
        oid=row["policy"],
        name=row["name"],
        command=row["command"],
        permissive=row["permissive"],
        roles=tuple(row["roles"]),
        using=row["using"],
        check=row["check"],
    )


def _columns(table: Table, rows: list[dict[str, Any]]) -> None:
    table.columns = tuple(_column(row) for row in rows)


def _indexes(table: Table, rows: list[dict[str, Any]]) -> None:
    table.unique = tuple(tuple(row["columns"]) for row in rows)
    table.indexes = {row["name"]: tuple(row["columns"]) for row in rows}


def _triggers(table: Table, rows: list[dict[str, Any]]) -> None:
    table.triggers = {row["name"]: row["function"] for row in rows}


def _partitions(table: Table, rows: list[dict[str, Any]]) -> None:
    table.partition_key = rows[0]["key"]
    table.bounds = {row["name"]: row["bound"] for row in rows}


def _policies(table: Table, rows: list[dict[str, Any]]) -> None:
    table.policies = tuple(_policy(row) for row in rows)


_PARTS: dict[str, Callable[[Table, list[dict[str, Any]]], None]] = {
    _COLUMNS: _columns,
    _CONSTRAINTS: _constrain,
    _UNIQUE: _indexes,
    _TRIGGERS: _triggers,
    _PARTITIONS: _partitions,
    _POLICIES: _policies,
}
