"""The roles that an application's migrations made, as opposed to those of the platform and of the hosting company."""

# ruff: noqa: E501 - queries are easier to read in long lines

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.sources.database import Database

_ROLES = """
select r.rolname::text as name, r.rolbypassrls and not r.rolsuper as passes, r.rolcanlogin as login,
  r.rolname = any (s.roles) as of_api,
  (select array_agg(distinct p.rolname::text order by p.rolname::text) from pg_roles p
    where (p.rolbypassrls or p.rolsuper) and p.oid <> r.oid and pg_has_role(r.oid, p.oid, 'MEMBER')) as becomes
from pg_roles r, setting s
where not r.rolsuper and exists (select from relation t where t.rls)
  and (r.rolname = any (s.roles) or r.rolname <> all (array['postgres', 'service_role', 'anon', 'authenticated', 'authenticator',
      'dashboard_user', 'pgbouncer', 'pgsodium_keyholder', 'pgsodium_keyiduser', 'pgsodium_keymaker', 'pgtle_admin', 'cloudsqladmin'])
    and r.rolname !~ '^(pg_|supabase_|backend_audit|rds|cloudsql|azure|neon_|aiven|doadmin|_?heroku|cron|replicator)')
order by r.rolname
"""


@dataclass(frozen=True, slots=True)
class Role:
    """`passes` policies by BYPASSRLS; `becomes` are roles past all policies that it may SET ROLE to."""

    name: str
    passes: bool
    login: bool
    of_api: bool
    becomes: tuple[str, ...]


def own_roles(database: Database) -> list[Role]:
    """Roles of the application and of the API, where any policy is there to be passed."""
    return [Role(**{**row, "becomes": tuple(row["becomes"] or ())}) for row in database.select(_ROLES)]
