-- Tables of a live server in which dead rows outweigh the living: autovacuum does not keep up.
select 'table' as kind, r.identity,
  case when s.n_dead_tup > 10000 and s.n_dead_tup > s.n_live_tup * 0.5 then 'fail' else 'ok' end as state,
  s.n_dead_tup || ' dead rows beside ' || s.n_live_tup || ' living ones' || case when s.last_autovacuum is null
    then '; autovacuum never ran on it' else '; last autovacuum on ' || to_char(s.last_autovacuum, 'YYYY-MM-DD') end as detail,
  'pg_class'::regclass::oid::bigint as classid, r.oid::bigint as objid, 'dead rows' as evidence
from relation r
join pg_stat_all_tables s on s.relid = r.oid
cross join setting g
where g.live and r.kind = 'r'
order by identity
