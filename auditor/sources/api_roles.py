"""The roles that an API acts as, on a server that is not Supabase: those that a login role switches to.

PostgREST, and whatever is built like it, logs in as a role that inherits nothing (`noinherit`) and takes the role of
the request with SET ROLE. A backend that has one role of its own is none of these: what that may read is up to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.facts.regime import Exposure
from auditor.sources.database import PLATFORM_SCHEMAS, Scope

if TYPE_CHECKING:
    import psycopg

_ROLES = """
select distinct r.rolname::text from pg_auth_members m
join pg_roles r on r.oid = m.roleid join pg_roles l on l.oid = m.member
where l.rolcanlogin and not l.rolinherit and not l.rolsuper and not l.rolbypassrls
  and not r.rolcanlogin and not r.rolsuper and not r.rolbypassrls and r.rolname !~ '^pg_'
  and l.rolname !~ '^(pg_|backend_audit|supabase_|rds|cloudsql|azure|neon_|aiven)'
order by 1
"""
_SCHEMAS = """
select n.nspname::text from pg_namespace n
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> all (%(platform)s)
  and exists (select from pg_roles r where r.rolname = any (%(roles)s) and has_schema_privilege(r.oid, n.oid, 'USAGE'))
order by 1
"""


def find_scope(session: psycopg.Connection[Any]) -> Scope | None:
    """The API roles of a plain server and the schemas that they may use; None where there are no such roles."""
    roles = tuple(row[0] for row in session.execute(_ROLES).fetchall())
    if not roles:
        return None
    wanted = {"platform": list(PLATFORM_SCHEMAS), "roles": list(roles)}
    schemas = tuple(row[0] for row in session.execute(_SCHEMAS, wanted).fetchall())
    reason = "roles that a login role without inheritance switches to"
    return Scope(Exposure(schemas, legacy=False, reason=reason), roles)
