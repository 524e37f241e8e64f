-- SECURITY DEFINER functions whose settings do not name a search_path. A body in BEGIN ATOMIC form is resolved when the
-- function is made, so no search_path can bend it (pg_proc.prosqlbody came with 14, hence the way through jsonb).
, judged as (
  select f.oid, f.identity, f.served, f.owner,
    f.returns in ('trigger'::regtype, 'event_trigger'::regtype) as by_trigger,
    exists (select from unnest(f.config) c where c ~ '^search_path=')
      or to_jsonb(p) ->> 'prosqlbody' is not null as pinned,
    (select string_agg(a.name, ' and ' order by a.name) from api_role a
      where has_schema_privilege(a.oid, p.pronamespace, 'USAGE') and has_function_privilege(a.oid, f.oid, 'EXECUTE')) as callers
  from own_function f
  join pg_proc p on p.oid = f.oid
  where f.definer
)
select 'function' as kind, j.identity, case when j.pinned then 'ok' else 'fail' end as state,
  case when not j.pinned then 'runs with the rights of ' || quote_ident(o.rolname) || ' and looks names up in its caller''s search_path; '
    || case when j.by_trigger then 'it is called by triggers only'
      when j.served and j.callers is not null then j.callers || ' can call it through the API'
      when j.callers is not null then j.callers || ' can execute it, but its schema is not served by the API'
      else 'no API role can call it' end
  end as detail,
  case when not j.pinned then
    case when j.served and j.callers is not null and not j.by_trigger then 'high' when j.by_trigger then 'low' else 'medium' end
  end as severity,
  'pg_proc'::regclass::oid::bigint as classid, j.oid::bigint as objid, 'security definer without search_path' as evidence
from judged j
join pg_roles o on o.oid = j.owner
order by identity
