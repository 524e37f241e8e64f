"""Reads the schema of a database as data (`auditor.facts.schema`)."""

# ruff: noqa: E501 - queries are easier to read in long lines

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from auditor.facts.schema import Column, ForeignKey, Policy, Schema, Table
from auditor.sources.database import select

if TYPE_CHECKING:
    import psycopg

    from auditor.facts.regime import Exposure

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
  format_type(coalesce(nullif(t.typbasetype, 0), t.oid), null) as type, t.typcategory::text as category,
  case when a.atttypmod > 4 and t.typname in ('varchar', 'bpchar') then a.atttypmod - 4 else 0 end as length,
  (select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) as elements
from pg_attribute a
join relation r on r.oid = a.attrelid and r.kind in ('r', 'p')
join pg_type t on t.oid = a.atttypid
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
  case when c.contype = 'c' then pg_get_constraintdef(c.oid) end as definition
from pg_constraint c
join relation r on r.oid = c.conrelid
order by c.conrelid, c.conname
"""
_UNIQUE = """
select i.indrelid::bigint as oid, array_agg(a.attname::text order by k.n) as columns
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
_USERS = "select coalesce(to_regclass('auth.users')::oid::bigint, 0) as oid from setting"


def read_schema(session: psycopg.Connection[Any], exposure: Exposure, api_roles: tuple[str, ...]) -> Schema:
    """Tables, columns, constraints and policies of the application's own schemas."""

    def rows(query: str) -> list[dict[str, Any]]:
        return select(session, query, exposure, api_roles)

    tables = {row["oid"]: _table(row) for row in rows(_TABLES)}
    for oid, columns in _grouped(rows(_COLUMNS)).items():
        tables[oid].columns = tuple(_column(row) for row in columns)
    for oid, constraints in _grouped(rows(_CONSTRAINTS)).items():
        if oid in tables:
            _constrain(tables[oid], constraints)
    for oid, indexes in _grouped(rows(_UNIQUE)).items():
        if oid in tables:
            tables[oid].unique = tuple(tuple(row["columns"]) for row in indexes)
    for oid, policies in _grouped(rows(_POLICIES)).items():
        if oid in tables:
            tables[oid].policies = tuple(_policy(row) for row in policies)
    return Schema(tables, rows(_USERS)[0]["oid"])


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
    )


def _constrain(table: Table, rows: list[dict[str, Any]]) -> None:
    table.primary_key = next((tuple(row["columns"]) for row in rows if row["type"] == "p"), ())
    table.checks = {row["name"]: row["definition"] for row in rows if row["type"] == "c"}
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
