-- Exposed tables that have row level security on and no policy. Rows of a partition or an inheritance child are read
-- through its parent, under the parent's policies: without policies of its own it is closed to direct access, as meant.
, ancestor as (
  with recursive climb(oid, parent) as (
    select inhrelid, inhparent from pg_inherits
    union
    select c.oid, i.inhparent from climb c join pg_inherits i on i.inhrelid = c.parent
  )
  select oid, parent from climb
),
judged as (
  select e.oid, e.identity, a.sentence,
    exists (select from policy p where p.relation = e.oid) as has_policy,
    e.partition or exists (select from ancestor t join policy p on p.relation = t.parent where t.oid = e.oid) as has_parent
  from exposed e
  join access a on a.oid = e.oid
  where e.kind in ('r', 'p') and e.rls
)
select 'table' as kind, identity, case when has_policy or has_parent then 'ok' else 'fail' end as state,
  case when not has_policy and not has_parent then 'row level security is on without a policy, so the API shows no row and takes no write, though '
    || sentence || ' by privilege; only roles that bypass row level security work with it, such as service_role' end as detail,
  'pg_class'::regclass::oid::bigint as classid, oid::bigint as objid, 'no policy' as evidence
from judged
order by identity
