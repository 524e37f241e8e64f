-- Tables that have policies while row level security is off: none of them is ever looked at.
, guarded as (
  select relation, string_agg(quote_ident(name), ', ' order by name) as names, count(*) as policies
  from policy
  group by relation
)
select 'table' as kind, r.identity, case when r.rls then 'ok' else 'fail' end as state,
  case when not r.rls then
    case g.policies when 1 then 'the policy ' || g.names || ' is' else 'the policies ' || g.names || ' are' end
      || ' not in force, because row level security is off; '
      || case when e.oid is null then 'no API role reaches the table' else a.sentence end
  end as detail,
  case when not r.rls then
    case when e.oid is null then 'medium' when 'anon' = any (e.roles) then 'critical' else 'high' end
  end as severity,
  'pg_class'::regclass::oid::bigint as classid, r.oid::bigint as objid, 'rls' as aspect,
  'policies without row level security' as evidence
from relation r
join guarded g on g.relation = r.oid
left join exposed e on e.oid = r.oid
left join access a on a.oid = r.oid
where r.kind in ('r', 'p')
order by identity
