-- Extensions of a live server that are older than what the server could install.
select 'extension' as kind, quote_ident(e.extname) as identity,
  case when a.default_version is not null and a.default_version <> e.extversion then 'fail' else 'ok' end as state,
  'version ' || e.extversion || case when a.default_version <> e.extversion then ', the server has ' || a.default_version else '' end as detail,
  'pg_extension'::regclass::oid::bigint as classid, e.oid::bigint as objid, 'outdated' as evidence
from pg_extension e
left join pg_available_extensions a on a.name = e.extname
cross join setting g
where g.live
order by identity
