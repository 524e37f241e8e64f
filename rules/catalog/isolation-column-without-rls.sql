-- Plain PostgreSQL, where no role of an API says who could read a table: tables that hold the very column by which the
-- policies of others tell one tenant from the next, and have row level security off. Only columns count that several
-- tables isolate by a setting of the session.
, compared as (
  select r.oid, a.attname::text as column, a.atttypid as type
  from relation r
  join pg_policy p on p.polrelid = r.oid and p.polpermissive
  join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
    and d.refclassid = 'pg_class'::regclass and d.refobjid = r.oid and d.refobjsubid > 0
  join pg_attribute a on a.attrelid = r.oid and a.attnum = d.refobjsubid
  where r.rls
    and coalesce(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
      ~* ('(^|[^\w.])\(?"?' || a.attname || '"?\)?(::\w+)?\s*=\s*\(*\s*(select\s+)?\(*(nullif\s*\(\s*)?(\w+\.)*(current_setting|current_\w*(tenant|org|account|workspace|company|team|user)\w*)\s*\(')
    and a.attname ~* '(tenant|org|organi[sz]ation|account|workspace|company|team|customer|client|user)_?id$'
),
isolating as (
  select "column", type, count(distinct oid) as tables, min(oid::bigint) as sample
  from compared
  group by 1, 2
  having count(distinct oid) >= 2
)
select 'table' as kind, r.identity, case when r.rls then 'ok' else 'fail' end as state,
  case when not r.rls then 'row level security is off, although it has the column ' || i."column" || ' by which the policies of '
    || i.tables || ' other tables, such as ' || s.identity || ', keep tenants apart' end as detail,
  'pg_class'::regclass::oid::bigint as classid, r.oid::bigint as objid, 'rls' as aspect,
  'isolation column without row level security' as evidence
from relation r
join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
join isolating i on i."column" = a.attname and i.type = a.atttypid
join relation s on s.oid::bigint = i.sample
where r.kind in ('r', 'p') and not exists (select from api_role)
  and not (r.partition and not r.rls and exists (
    select from pg_inherits h join relation t on t.oid = h.inhparent and t.rls where h.inhrelid = r.oid))
order by identity
