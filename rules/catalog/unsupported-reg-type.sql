-- Columns of the types that name objects of the catalog: pg_upgrade carries over regclass, regrole and regtype, and no other.
, judged as (
  select r.oid, r.identity, r.partition,
    string_agg(quote_ident(a.attname) || ' ' || t.typname, ', ' order by a.attnum)
      filter (where t.typname in ('regcollation', 'regconfig', 'regdictionary', 'regnamespace', 'regoper', 'regoperator', 'regproc', 'regprocedure')) as columns
  from relation r
  join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  join pg_type t on t.oid = a.atttypid
  where r.kind in ('r', 'p')
  group by r.oid, r.identity, r.partition
)
select 'table' as kind, identity, case when columns is null then 'ok' else 'fail' end as state,
  case when columns is not null then 'an upgrade to another major version cannot carry over ' || columns end as detail,
  'pg_class'::regclass::oid::bigint as classid, oid::bigint as objid, 'reg type' as evidence
from judged
where not partition
order by identity
