-- Tables whose changes Realtime sends out. It asks the policies of a table for each subscriber, where there are any to ask.
, published as (
  select distinct r.oid
  from pg_publication_tables p
  join relation r on r.schema = p.schemaname::text and r.name = p.tablename::text
  where p.pubname = 'supabase_realtime'
),
listener as (
  select r.oid, string_agg(a.name, ' and ' order by a.name) as roles
  from relation r
  join api_role a on has_schema_privilege(a.oid, r.schema_oid, 'USAGE') and has_any_column_privilege(a.oid, r.oid, 'SELECT')
  group by r.oid
)
select 'table' as kind, r.identity, case when r.rls or l.oid is null then 'ok' else 'fail' end as state,
  case when r.rls then 'its policies decide who hears of a change' when l.oid is null then 'no API role may read it'
    else 'every change of it is sent to any subscriber, because row level security is off: ' || l.roles || ' may read it' end as detail,
  case when not r.rls and l.oid is not null then case when r.served then 'low' else 'high' end end as severity,
  'pg_class'::regclass::oid::bigint as classid, r.oid::bigint as objid, 'rls' as aspect, 'published without row level security' as evidence
from published u
join relation r on r.oid = u.oid
left join listener l on l.oid = r.oid
where exists (select from api_role)
order by identity
