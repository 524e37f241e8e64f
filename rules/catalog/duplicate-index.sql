-- Indexes that another index of the same table makes superfluous. `signature` holds one text per key column: what is
-- indexed, operator class and its options, collation, direction. `covered` pairs an index with one that can replace it.
, candidate as (
  select i.indexrelid as oid, i.indrelid as relation, n.nspname as schema, c.relname as name, r.identity as table_identity,
    c.relam as method, m.amname = 'btree' as ordered, c.relispartition as attached, i.indisunique as is_unique,
    i.indisprimary as is_primary, i.indimmediate as immediate, i.indisreplident or i.indisclustered as marked,
    coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) as nulls_equal,
    coalesce(pg_get_expr(i.indpred, i.indrelid), '') as predicate,
    (select a.attname::text from pg_attribute a where a.attrelid = i.indrelid and a.attnum = i.indkey[0]) as first_column,
    exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')) as backing,
    exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype = 'f') as referenced,
    exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype = 'x') as excluding,
    (select array_agg(concat_ws(' ', pg_get_indexdef(i.indexrelid, k, false), (i.indclass::oid[])[k - 1],
        (i.indcollation::oid[])[k - 1], (i.indoption::int2[])[k - 1], a.attoptions::text) order by k)
      from generate_series(1, i.indnkeyatts) k
      join pg_attribute a on a.attrelid = i.indexrelid and a.attnum = k) as signature,
    (select array_agg(pg_get_indexdef(i.indexrelid, k, false) order by k) from generate_series(1, i.indnatts) k) as held,
    array(select pg_get_indexdef(i.indexrelid, k, false) from generate_series(i.indnkeyatts + 1, i.indnatts) k) as included
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_am m on m.oid = c.relam
  join relation r on r.oid = i.indrelid
  where i.indisvalid
),
pair as (
  select a.oid, b.oid as other, a.signature = b.signature as same_columns,
    -- The one that is kept of two equal ones: first what cannot be dropped without more ado, then the older.
    (a.is_primary, a.referenced, a.backing, a.marked, -a.oid::bigint)
      > (b.is_primary, b.referenced, b.backing, b.marked, -b.oid::bigint) as preferred
  from candidate a
  join candidate b on b.relation = a.relation and b.method = a.method and b.oid <> a.oid
  where a.predicate = b.predicate and not a.excluding and not b.excluding and b.held @> a.included
    and (a.signature = b.signature
      or a.ordered and not a.is_unique and a.signature = b.signature[1:cardinality(a.signature)])
    -- What is unique is replaced only by what is just as unique; a constraint only by a constraint.
    and (not a.is_unique or b.is_unique and b.immediate = a.immediate and b.nulls_equal = a.nulls_equal)
    and (b.backing or not a.backing)
    and not a.is_primary and not a.referenced and not a.marked
),
covered as (
  select distinct on (p.oid) p.oid, p.same_columns, o.name, o.backing
  from pair p
  join candidate o on o.oid = p.other
  where not (p.preferred and exists (select from pair back where back.oid = p.other and back.other = p.oid))
  order by p.oid, p.same_columns desc, o.backing desc, p.other
)
select 'index' as kind, quote_ident(i.schema) || '.' || quote_ident(i.name) as identity,
  case when c.oid is null then 'ok' else 'fail' end as state,
  case when c.same_columns then 'the same columns are indexed by ' || quote_ident(c.name)
      || case when c.backing then ', which a constraint needs' else '' end || ' (equal)'
    when c.oid is not null then 'its columns are the first ones of ' || quote_ident(c.name) || ', which serves the same queries (prefix)'
  end as detail,
  'pg_class'::regclass::oid::bigint as classid, i.table_identity as relation,
  -- The index of a constraint comes with its table or an ALTER TABLE: shown is the column.
  case when i.backing then i.relation else i.oid end::bigint as objid, case when i.backing then i.first_column end as column,
  'covered by ' || quote_ident(c.name) as evidence
from candidate i
left join covered c on c.oid = i.oid
where not i.attached
order by identity
