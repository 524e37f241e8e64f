"""Default privileges that hand every new table to the roles of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.statement_places import place_of
from auditor.model import Answer, DbObject, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from auditor.sources.database import Database

_DEFAULTS = """
, given as (
  select d.defaclnamespace as schema, string_agg(distinct coalesce(a.name, 'PUBLIC'), ' and ' order by coalesce(a.name, 'PUBLIC')) as roles,
    string_agg(distinct g.privilege_type, ', ' order by g.privilege_type) as privileges
  from pg_default_acl d
  join pg_roles o on o.oid = d.defaclrole and o.rolname !~ '^supabase_'
  cross join lateral aclexplode(d.defaclacl) g
  left join api_role a on a.oid = g.grantee
  where d.defaclobjtype = 'r' and (a.oid is not null or g.grantee = 0)
    and g.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
  group by d.defaclnamespace
)
select s.oid::bigint as oid, s.name, s.served, g.roles, g.privileges from own_schema s left join given g on g.schema = s.oid
where exists (select from api_role)
union all
select 0, '', true, g.roles, g.privileges from given g where g.schema = 0 and exists (select from api_role)
order by 2
"""  # noqa: E501 - queries are easier to read in long lines
_PG_NAMESPACE = 2615  # the oid of pg_catalog.pg_namespace, fixed in every PostgreSQL


def ask(database: Database) -> Iterator[Answer]:
    for row in database.select(_DEFAULTS):
        yield _judge(row, database)


def _judge(row: dict[str, Any], database: Database) -> Answer:
    place = DbObject("schema", row["name"], _PG_NAMESPACE, row["oid"]) if row["name"] else DbObject("all", "schemas")
    if not row["roles"]:
        return Answer(place.subject, State.OK, "new tables are granted to no API role", place)
    where = place_of(database, ("alter_default_privileges_stmt",), row["roles"].split()[0], *row["name"].split())
    detail = f"each new table is granted to {row['roles']} ({row['privileges']}), before anybody has written a policy"
    severity = _severity(row["name"], served=row["served"])
    return Answer(place.subject, State.FAIL, detail, where or place, severity=severity, evidence="default privileges")


def _severity(schema: str, *, served: bool) -> Severity:
    """In schema public the platform itself has done so for years."""
    if schema == "public":
        return Severity.INFO
    return Severity.MEDIUM if not schema else Severity.LOW if served else Severity.INFO
