-- Exposed tables whose policies only restrict. A restrictive policy takes away from what a permissive one gives; where
-- each of them is plainly false, nobody was meant to get in.
, counted as (
  select q.polrelid as relation, count(*) filter (where q.polpermissive or closed) as permissive
  from (
    select *, coalesce(pg_get_expr(polqual, polrelid), 'false') = 'false' and coalesce(pg_get_expr(polwithcheck, polrelid), 'false') = 'false' as closed
    from pg_policy
  ) q
  group by q.polrelid
)
select 'table' as kind, e.identity, case when c.permissive = 0 then 'fail' else 'ok' end as state,
  case when c.permissive = 0 then 'all its policies are restrictive, so no row is ever let through, though ' || a.sentence || ' by privilege' end as detail,
  'pg_class'::regclass::oid::bigint as classid, e.oid::bigint as objid, 'policy' as aspect, 'only restrictive policies' as evidence
from exposed e
join counted c on c.relation = e.oid
join access a on a.oid = e.oid
where e.rls and e.kind in ('r', 'p')
order by identity
