-- Foreign keys (those that partitions take over from their parent left out) and whether an index serves their columns.
, foreign_key as (
  select distinct on (columns_key) * from (
    select c.oid, c.conname::text as name, c.conrelid as relation, c.conkey as keys, r.identity as table_identity,
      (select quote_ident(n.nspname) || '.' || quote_ident(f.relname) from pg_class f
        join pg_namespace n on n.oid = f.relnamespace where f.oid = c.confrelid) as target,
      (select array_agg(a.attname::text order by k.n) from unnest(c.conkey) with ordinality k(num, n)
        join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.num) as columns,
      -- Two keys on the same columns are one subject: one index serves both.
      c.conrelid::text || ':' || (select string_agg(k::text, ',' order by k) from unnest(c.conkey) k) as columns_key
    from pg_constraint c
    join relation r on r.oid = c.conrelid
    where c.contype = 'f' and c.conparentid = 0
  ) f
  order by columns_key, oid
),
-- `keys` are the key columns (0 stands for an expression), `conditions` the parts of a partial index's predicate.
usable as (
  select i.indrelid as relation, (i.indkey::int2[])[0:i.indnkeyatts - 1] as keys, i.indisunique as is_unique,
    string_to_array(translate(pg_get_expr(i.indpred, i.indrelid), '()', ''), ' AND ') as conditions
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_am m on m.oid = c.relam
  where i.indisvalid and m.amname <> 'brin'
),
judged as (
  select f.*, (select string_agg(quote_ident(c), ', ' order by n) from unnest(f.columns) with ordinality u(c, n)) as column_list,
    exists (
      select from usable u
      where u.relation = f.relation
        -- The key's columns lead the index, in any order; or a unique index on some of them finds the row already.
        and (cardinality(u.keys) >= cardinality(f.keys) and u.keys[1:cardinality(f.keys)] @> f.keys
          or u.is_unique and u.keys <@ f.keys)
        and (u.conditions is null
          or u.conditions <@ array(select quote_ident(c) || ' IS NOT NULL' from unnest(f.columns) c))
    ) as indexed
  from foreign_key f
)
select 'column' as kind,
  table_identity || '.' || case when cardinality(columns) = 1 then column_list else '(' || column_list || ')' end as identity,
  case when indexed then 'ok' else 'fail' end as state,
  case when not indexed then 'no index starts with ' || column_list || ' (' || quote_ident(name) || ' to ' || target
    || '): each delete or key change there, and each join from there, reads the whole table' end as detail,
  'pg_class'::regclass::oid::bigint as classid, relation::bigint as objid, table_identity as relation,
  columns[1] as column, 'foreign key without index' as evidence
from judged
order by identity
