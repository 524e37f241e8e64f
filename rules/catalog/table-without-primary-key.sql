-- Tables without a primary key. A partition has that of its parent.
select 'table' as kind, r.identity, case when k.keyed then 'ok' else 'fail' end as state,
  case when not k.keyed then 'has no primary key'
    || case when k.uniquely then ', only a unique index' else '' end end as detail,
  case when not k.keyed then case when k.uniquely then 'info' else 'low' end end as severity,
  'pg_class'::regclass::oid::bigint as classid, r.oid::bigint as objid, 'no primary key' as evidence
from relation r
cross join lateral (
  select exists (select from pg_index i where i.indrelid = r.oid and i.indisprimary) as keyed,
    exists (select from pg_index i where i.indrelid = r.oid and i.indisunique and i.indpred is null) as uniquely
) k
where r.kind in ('r', 'p') and not r.partition
order by identity
