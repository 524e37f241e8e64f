-- Tables of message queues (pgmq) that an API role reaches. Policies guard them like any other table.
, queue as (
  select c.oid, c.relname::text as name, c.relrowsecurity as rls,
    (select string_agg(a.name, ' and ' order by a.name) from api_role a where has_schema_privilege(a.oid, n.oid, 'USAGE')
      and (has_any_column_privilege(a.oid, c.oid, 'SELECT, INSERT, UPDATE') or has_table_privilege(a.oid, c.oid, 'DELETE'))) as roles
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'pgmq'
  where c.relkind in ('r', 'p') and c.relname ~ '^[qa]_'
)
select 'table' as kind, 'pgmq.' || quote_ident(q.name) as identity, case when q.rls or q.roles is null then 'ok' else 'fail' end as state,
  case when not q.rls and q.roles is not null then q.roles || ' hold privileges on the queue and row level security is off'
    || case when v.served then '; the API serves queues' else '' end end as detail,
  case when not q.rls and q.roles is not null then case when v.served then 'high' else 'medium' end end as severity,
  'pg_class'::regclass::oid::bigint as classid, q.oid::bigint as objid, 'queue without row level security' as evidence
from queue q
cross join (select s.schemas && array['pgmq', 'pgmq_public'] as served from setting s) v
where exists (select from api_role)
order by identity
