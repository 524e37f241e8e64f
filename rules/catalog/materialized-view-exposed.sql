-- Materialized views that the API serves. Those that hold copies of protected rows are findings of definer-view-exposed,
-- which follows their queries; here the rest, which no policy will ever be able to guard.
, source as (
  with recursive down(root, oid) as (
    select e.oid, e.oid from exposed e where e.kind = 'm'
    union
    select w.root, d.refobjid
    from down w
    join pg_rewrite r on r.ev_class = w.oid
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
  )
  select root, bool_or(c.relrowsecurity or n.nspname in ('auth', 'vault')) as guarded
  from down w
  join pg_class c on c.oid = w.oid
  join pg_namespace n on n.oid = c.relnamespace
  group by root
)
select 'materialized view' as kind, e.identity, case when s.guarded then 'ok' else 'fail' end as state,
  case when s.guarded then 'it holds protected rows, which definer-view-exposed judges'
    else 'the API serves it and no policy can guard it: ' || a.sentence end as detail,
  'pg_class'::regclass::oid::bigint as classid, e.oid::bigint as objid, 'materialized view served' as evidence
from exposed e
join access a on a.oid = e.oid
join source s on s.root = e.oid
where e.kind = 'm'
order by identity
