-- Foreign keys into schema auth: only the primary keys there are promised to stay.
select 'constraint' as kind, r.identity || '.' || quote_ident(k.conname) as identity, case when i.indisprimary then 'ok' else 'fail' end as state,
  case when not i.indisprimary then 'it hangs on ' || (select string_agg(quote_ident(a.attname), ', ') from pg_attribute a
      where a.attrelid = k.confrelid and a.attnum = any (k.confkey)) || ' of auth.' || quote_ident(f.relname)
    || ', whose unique index belongs to the platform and may go' end as detail,
  'pg_class'::regclass::oid::bigint as classid, r.oid::bigint as objid,
  (select a.attname::text from pg_attribute a where a.attrelid = k.conrelid and a.attnum = k.conkey[1]) as column, r.identity as relation, 'not the primary key' as evidence
from pg_constraint k
join relation r on r.oid = k.conrelid
join pg_class f on f.oid = k.confrelid
join pg_namespace n on n.oid = f.relnamespace and n.nspname = 'auth'
join pg_index i on i.indexrelid = k.conindid
where k.contype = 'f' and k.conparentid = 0 and exists (select from api_role)
order by identity
