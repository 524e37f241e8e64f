"""What a live server has that its migrations do not make, or the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.drift import compare
from auditor.model import Answer, Confidence, DbObject, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.drift import Difference, Objects
    from auditor.sources.database import Database

_OBJECTS = """
select case when r.kind in ('r', 'p') then 'table' else 'view' end as kind, r.identity, r.oid::bigint as oid,
  'pg_class'::regclass::oid::bigint as classid,
  case when r.kind in ('r', 'p')
    then jsonb_build_object('rls', r.rls, 'columns', (
      select jsonb_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) order by a.attname)
      from pg_attribute a where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped))
    else jsonb_build_object('definition', pg_get_viewdef(r.oid), 'invoker', exists (
      select from unnest(r.options) o where lower(o) ~ '^security_invoker=(t|tr|tru|true|on|y|ye|yes|1)$')) end
  || jsonb_build_object('grants', coalesce((
    select jsonb_object_agg(role, commands) from (
      select p.role, jsonb_agg(p.command order by p.command) as commands
      from privilege p where p.oid = r.oid group by p.role) g), '{}'::jsonb)) as properties
from relation r
where r.kind in ('r', 'p', 'v', 'm') and not r.partition
union all
select 'policy', p.identity, p.oid::bigint, 'pg_policy'::regclass::oid::bigint,
  jsonb_build_object('command', q.polcmd::text, 'permissive', q.polpermissive,
    'using', pg_get_expr(q.polqual, q.polrelid), 'check', pg_get_expr(q.polwithcheck, q.polrelid), 'roles', (
      select jsonb_agg(coalesce(o.rolname::text, 'public') order by o.rolname)
      from unnest(q.polroles) u(id) left join pg_roles o on o.oid = u.id))
from policy p
join pg_policy q on q.oid = p.oid
union all
select 'function', f.identity, f.oid::bigint, 'pg_proc'::regclass::oid::bigint,
  jsonb_build_object('definer', f.definer, 'config', to_jsonb(f.config), 'definition', p.prosrc)
from own_function f
join pg_proc p on p.oid = f.oid
order by 1, 2
"""


def ask(database: Database) -> Iterator[Answer]:
    shadow = database.counterpart
    if shadow is None:
        return
    addresses: dict[tuple[str, str], DbObject] = {}
    live_objects, shadow_objects = _read(database, addresses), _read(shadow, addresses)
    unsure = {name.replace('"', "") for name in shadow.uncertain}
    for difference in compare(live_objects, shadow_objects):
        yield _answer(shadow, difference, addresses[difference.kind, difference.identity], unsure)


def _read(database: Database, addresses: dict[tuple[str, str], DbObject]) -> Objects:
    found: Objects = {}
    for row in database.select(_OBJECTS):
        key = row["kind"], row["identity"]
        found[key] = row["properties"]
        addresses[key] = DbObject(row["kind"], row["identity"], row["classid"], row["oid"])  # the replay's, read last
    return found


def _answer(shadow: Database, difference: Difference, place: DbObject, unsure: set[str]) -> Answer:
    if not difference.fault:
        return Answer(place.subject, State.OK, "as the migrations make it", place)
    relation = difference.identity.replace('"', "")
    if unsure and ("*" in unsure or any(relation == name or relation.startswith(name + ".") for name in unsure)):
        return Answer(place.subject, State.UNKNOWN, "a migration about it did not replay", place)
    return Answer(
        place.subject,
        State.FAIL,
        difference.fault,
        shadow.locate(place) or place,
        severity=difference.severity,
        confidence=Confidence.INFERRED,
        evidence=difference.fault.split(":")[0],
    )
