-- Functions with their caller's rights and without a search_path of their own. Those in SQL are left alone: a setting would
-- keep the server from putting their body into the query.
select 'function' as kind, f.identity, case when j.pinned or l.lanname = 'sql' then 'ok' else 'fail' end as state,
  case when not j.pinned and l.lanname <> 'sql' then 'it looks names up in the search_path of whoever calls it' end as detail,
  'pg_proc'::regclass::oid::bigint as classid, f.oid::bigint as objid, 'no search_path' as evidence
from own_function f
join pg_proc p on p.oid = f.oid
join pg_language l on l.oid = p.prolang
cross join lateral (select exists (select from unnest(f.config) c where c ~ '^search_path=') as pinned) j
where not f.definer and p.prokind in ('f', 'p') and l.lanname not in ('internal', 'c')
order by identity
