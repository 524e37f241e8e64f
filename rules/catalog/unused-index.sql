-- Indexes that no scan of this server has used since its statistics began. Only on a live server, whose statistics are
-- old enough and whose table is large enough to say something; what enforces uniqueness is used by every write.
, statistics as (
  select coalesce(max(d.stats_reset), pg_postmaster_start_time()) as since
  from pg_stat_database d where d.datname = current_database()
)
select 'index' as kind, quote_ident(n.nspname) || '.' || quote_ident(i.relname) as identity,
  case when s.idx_scan = 0 and pg_relation_size(i.oid) >= 1048576 then 'fail' else 'ok' end as state,
  case when s.idx_scan = 0 then 'no scan has used it since ' || to_char(t.since, 'YYYY-MM-DD') || '; it takes '
    || pg_size_pretty(pg_relation_size(i.oid)) else s.idx_scan || ' scans' end as detail,
  'pg_class'::regclass::oid::bigint as classid, i.oid::bigint as objid, r.identity as relation, 'unused' as evidence
from relation r
join pg_index x on x.indrelid = r.oid
join pg_class i on i.oid = x.indexrelid
join pg_namespace n on n.oid = i.relnamespace
join pg_stat_all_indexes s on s.indexrelid = i.oid
cross join statistics t
cross join setting g
where g.live and not x.indisunique and r.kind in ('r', 'p') and i.relkind = 'i'
order by identity
