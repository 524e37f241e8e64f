-- Tables of a live server that are read from end to end again and again although they are large.
select 'table' as kind, r.identity,
  case when s.seq_scan > 100 and s.n_live_tup > 10000 and s.seq_tup_read / greatest(s.seq_scan, 1) > 5000
    and s.seq_scan > coalesce(s.idx_scan, 0) then 'fail' else 'ok' end as state,
  s.seq_scan || ' sequential scans of about ' || s.seq_tup_read / greatest(s.seq_scan, 1) || ' rows each, '
    || coalesce(s.idx_scan, 0) || ' index scans' as detail,
  'pg_class'::regclass::oid::bigint as classid, r.oid::bigint as objid, 'sequential scans' as evidence
from relation r
join pg_stat_all_tables s on s.relid = r.oid
cross join setting g
where g.live and r.kind = 'r'
order by identity
