-- Exposed tables without row level security; partitions and partition roots are tables like all others.
select 'table' as kind, e.identity, case when e.rls then 'ok' else 'fail' end as state,
  case when not e.rls then 'row level security is off and the API serves it: ' || a.sentence end as detail,
  case when not e.rls then case when 'anon' = any (e.roles) then 'critical' else 'high' end end as severity,
  'pg_class'::regclass::oid::bigint as classid, e.oid::bigint as objid, 'rls' as aspect,
  'row level security off' as evidence
from exposed e
join access a on a.oid = e.oid
where e.kind in ('r', 'p')
order by identity
