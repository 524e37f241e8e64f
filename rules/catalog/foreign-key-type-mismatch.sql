-- Foreign keys whose columns have another type than those they point at. Kinds of text are compared without a cast.
, pair as (
  select k.oid, r.oid as table_oid, k.conname, r.identity as relation, a.attname as column, f.relname as target, b.attname as target_column,
    format_type(a.atttypid, null) as type, format_type(b.atttypid, null) as target_type,
    coalesce(nullif(t.typbasetype, 0), t.oid) = coalesce(nullif(u.typbasetype, 0), u.oid) or t.typcategory = 'S' and u.typcategory = 'S' as same
  from pg_constraint k
  join relation r on r.oid = k.conrelid
  join pg_class f on f.oid = k.confrelid
  cross join lateral unnest(k.conkey, k.confkey) p(own, other)
  join pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.own
  join pg_attribute b on b.attrelid = k.confrelid and b.attnum = p.other
  join pg_type t on t.oid = a.atttypid
  join pg_type u on u.oid = b.atttypid
  where k.contype = 'f' and k.conparentid = 0
)
select 'constraint' as kind, relation || '.' || quote_ident(conname) as identity, case when bool_and(same) then 'ok' else 'fail' end as state,
  string_agg(format('%%I is %%s, but %%I of %%I is %%s', "column", type, target_column, target, target_type), '; ') filter (where not same) as detail,
  'pg_class'::regclass::oid::bigint as classid, table_oid::bigint as objid, min("column") filter (where not same)::text as column, relation, 'types differ' as evidence
from pair
group by oid, table_oid, conname, relation
order by identity
