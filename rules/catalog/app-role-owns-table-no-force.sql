-- Owners of tables with row level security. An owner passes by the policies unless the table says FORCE; that matters
-- where the application logs in as the owner. Where there is no API role and the history makes no other role that could
-- log in, the application most likely does.
, login as (
  select r.oid from pg_roles r
  where r.rolcanlogin and not r.rolsuper and r.rolname <> 'postgres' and r.rolname <> all (array['authenticator', 'pgbouncer', 'dashboard_user'])
    and r.rolname !~ '^(pg_|supabase_|pgsodium|backend_audit|rds|cloudsql|azure|neon_|aiven)'
),
owned as (
  select r.owner, count(*) as tables, count(*) filter (where not r.force_rls) as unforced,
    (array_agg(r.identity order by r.identity) filter (where not r.force_rls))[1:5] as sample
  from relation r
  where r.kind in ('r', 'p') and r.rls
  group by r.owner
),
judged as (
  select o.*, g.rolname, o.owner in (select oid from login) or o.owner in (select oid from api_role) as of_app,
    not exists (select from api_role) and not exists (select from login l where l.oid <> o.owner) as alone
  from owned o
  join pg_roles g on g.oid = o.owner
)
select 'role' as kind, quote_ident(rolname) as identity, case when unforced > 0 and (of_app or alone) then 'fail' else 'ok' end as state,
  case when unforced > 0 and (of_app or alone) then 'it owns ' || unforced || ' of ' || tables
    || ' tables with row level security without FORCE, so their policies do not hold for it: ' || array_to_string(sample, ', ')
    || case when unforced > 5 then ' …' else '' end
    || case when not of_app then '; the history makes no other role that the application could log in as' else '' end end as detail,
  case when unforced > 0 and not of_app and alone then 'suspected' end as confidence,
  'pg_authid'::regclass::oid::bigint as classid, owner::bigint as objid, 'owner without force' as evidence
from judged
order by identity
