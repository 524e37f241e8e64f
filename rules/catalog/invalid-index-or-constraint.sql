-- Indexes that are not valid, and constraints that were never validated: the server keeps them and does not trust them.
, index_state as (
  select 'index' as kind, quote_ident(r.schema) || '.' || quote_ident(c.relname) as identity, i.indisvalid as valid,
    case when c.relkind = 'I' then 'it is not valid, because a partition has no index that belongs to it'
      else 'it is not valid: no query uses it, and each write still keeps it' end as reason,
    'pg_class'::regclass::oid::bigint as classid, c.oid::bigint as objid, null::text as column, r.identity as relation, 'invalid index' as evidence
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join relation r on r.oid = i.indrelid
),
constraint_state as (
  select 'constraint' as kind, r.identity || '.' || quote_ident(k.conname) as identity, k.convalidated as valid,
    'it was added as NOT VALID and never validated: rows that were there before may break it' as reason,
    'pg_class'::regclass::oid::bigint as classid, r.oid::bigint as objid,
    (select a.attname::text from pg_attribute a where a.attrelid = k.conrelid and a.attnum = k.conkey[1]) as column, r.identity as relation, 'constraint not validated' as evidence
  from pg_constraint k
  join relation r on r.oid = k.conrelid
  where k.contype in ('c', 'f') and k.conparentid = 0 and coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
)
select kind, identity, case when valid then 'ok' else 'fail' end as state, case when not valid then reason end as detail,
  classid, objid, "column", relation, evidence
from (select * from index_state union all select * from constraint_state) both_kinds
order by kind, identity
