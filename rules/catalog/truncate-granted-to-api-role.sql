-- One row per served schema: on which tables an API role may TRUNCATE. Where the schema's default privileges give it,
-- the platform did so for every table, and no migration chose it.
, given as (
  select r.schema_oid, r.identity, string_agg(a.name, ' and ' order by a.name) as roles
  from relation r
  join api_role a on has_schema_privilege(a.oid, r.schema_oid, 'USAGE') and has_table_privilege(a.oid, r.oid, 'TRUNCATE')
  where r.kind in ('r', 'p') and r.served
  group by r.schema_oid, r.identity
),
by_default as (
  select distinct d.defaclnamespace as schema_oid
  from pg_default_acl d
  cross join lateral aclexplode(d.defaclacl) g
  join api_role a on a.oid = g.grantee
  where d.defaclobjtype = 'r' and g.privilege_type = 'TRUNCATE'
),
counted as (
  select schema_oid, count(*) as tables, (array_agg(identity order by identity))[1:5] as some, max(roles) as roles
  from given
  group by schema_oid
)
select 'schema' as kind, quote_ident(s.name) as identity, case when c.tables is null then 'ok' else 'fail' end as state,
  case when c.tables is not null then c.roles || ' may TRUNCATE ' || c.tables || case c.tables when 1 then ' table' else ' tables' end
    || ', which no policy holds back: ' || array_to_string(c.some, ', ') || case when c.tables > 5 then ' …' else '' end
    || case when b.schema_oid is not null then '; the default privileges of the schema give it' else '' end end as detail,
  case when c.tables is not null then case when b.schema_oid is not null then 'info' else 'low' end end as severity,
  'pg_namespace'::regclass::oid::bigint as classid, s.oid::bigint as objid, 'truncate granted' as evidence
from own_schema s
left join counted c on c.schema_oid = s.oid
left join by_default b on b.schema_oid = s.oid
where s.served and exists (select from relation r where r.schema_oid = s.oid and r.kind in ('r', 'p')) and exists (select from api_role)
order by identity
