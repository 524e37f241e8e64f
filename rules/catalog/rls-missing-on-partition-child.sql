-- Partitions and inheritance children of a table that has row level security on. Whoever asks a child by its own name is
-- held by the child's own switch and policies only; its parent's do not count there.
, ancestor as (
  with recursive climb(oid, parent) as (
    select inhrelid, inhparent from pg_inherits
    union
    select c.oid, i.inhparent from climb c join pg_inherits i on i.inhrelid = c.parent
  )
  select oid, parent from climb
),
guarded as (
  select a.oid, min(r.identity) as parents
  from ancestor a
  join relation r on r.oid = a.parent and r.rls
  group by a.oid
)
select 'table' as kind, e.identity, case when e.rls then 'ok' else 'fail' end as state,
  case when not e.rls then 'row level security is on for ' || g.parents || ' but off for this '
    || case when e.partition then 'partition' else 'child' end || ' of it, which can be asked by its own name: ' || a.sentence end as detail,
  case when not e.rls then 'high' end as severity,
  'pg_class'::regclass::oid::bigint as classid, e.oid::bigint as objid, 'rls' as aspect,
  'row level security off under a guarded parent' as evidence
from exposed e
join guarded g on g.oid = e.oid
join access a on a.oid = e.oid
where e.kind in ('r', 'p')
order by identity
