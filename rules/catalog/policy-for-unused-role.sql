-- Policies that are only for roles which pass by all policies anyway.
, judged as (
  select p.oid, p.identity, p.table_identity,
    bool_and(coalesce(o.rolbypassrls or o.rolsuper, false)) as dead, string_agg(quote_ident(o.rolname), ' and ' order by o.rolname) as roles
  from policy p
  join pg_policy q on q.oid = p.oid
  cross join lateral unnest(q.polroles) u(role)
  left join pg_roles o on o.oid = u.role
  group by p.oid, p.identity, p.table_identity
)
select 'policy' as kind, identity, case when dead then 'fail' else 'ok' end as state,
  case when dead then 'it is for ' || roles || ' alone, for whom no policy is ever looked at' end as detail,
  'pg_policy'::regclass::oid::bigint as classid, oid::bigint as objid, table_identity as relation, 'dead policy' as evidence
from judged
order by identity
