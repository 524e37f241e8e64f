-- Exposed tables without row level security. Children of a table that has it on are left to a rule of their own,
-- rls-missing-on-partition-child; those whose parents have it off as well are tables like all others.
, ancestor as (
  with recursive climb(oid, parent) as (
    select inhrelid, inhparent from pg_inherits
    union
    select c.oid, i.inhparent from climb c join pg_inherits i on i.inhrelid = c.parent
  )
  select oid, parent from climb
)
select 'table' as kind, e.identity, case when e.rls then 'ok' else 'fail' end as state,
  case when not e.rls then 'row level security is off and the API serves it: ' || a.sentence end as detail,
  case when not e.rls then case when 'anon' = any (e.roles) then 'critical' else 'high' end end as severity,
  'pg_class'::regclass::oid::bigint as classid, e.oid::bigint as objid, 'rls' as aspect,
  'row level security off' as evidence
from exposed e
join access a on a.oid = e.oid
where e.kind in ('r', 'p')
  and (e.rls or not exists (select from ancestor t join relation r on r.oid = t.parent and r.rls where t.oid = e.oid))
order by identity
