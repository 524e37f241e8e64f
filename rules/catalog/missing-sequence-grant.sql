-- Columns that take their default from a sequence, in tables into which an API role may insert. A column made with
-- `generated … as identity` needs no privilege on its sequence.
, serial as (
  select distinct e.oid, e.identity, a.attname::text as column, q.oid as sequence, quote_ident(n.nspname) || '.' || quote_ident(q.relname) as sequence_name
  from exposed e
  join pg_attribute a on a.attrelid = e.oid and a.attnum > 0 and not a.attisdropped and a.attidentity = ''
  join pg_attrdef d on d.adrelid = e.oid and d.adnum = a.attnum
  join pg_depend x on x.classid = 'pg_attrdef'::regclass and x.objid = d.oid and x.refclassid = 'pg_class'::regclass
  join pg_class q on q.oid = x.refobjid and q.relkind = 'S'
  join pg_namespace n on n.oid = q.relnamespace
  where e.kind in ('r', 'p') and 'INSERT' = any (e.commands)
),
-- A role that no policy lets insert, or that may not set up such a row anyway, misses nothing.
writer as (
  select s.oid, s.column, a.oid as role, a.name
  from serial s
  join privilege g on g.oid = s.oid and g.command = 'INSERT'
  join api_role a on a.name = g.role
  join relation r on r.oid = s.oid
  where not r.rls or exists (select from pg_policy q where q.polrelid = s.oid and q.polpermissive and q.polcmd in ('a', '*')
    and (0 = any (q.polroles) or a.oid = any (q.polroles)))
),
judged as (
  select s.*, string_agg(w.name, ' and ' order by w.name) as writers,
    string_agg(w.name, ' and ' order by w.name) filter (where not has_sequence_privilege(w.role, s.sequence, 'USAGE, UPDATE')) as lacking
  from serial s
  join writer w on w.oid = s.oid and w.column = s.column
  group by s.oid, s.identity, s.column, s.sequence, s.sequence_name
)
select 'column' as kind, identity || '.' || quote_ident("column") as identity, case when lacking is null then 'ok' else 'fail' end as state,
  case when lacking is not null then lacking || ' may insert, but not use ' || sequence_name || ', so an insert without this column fails' end as detail,
  'pg_class'::regclass::oid::bigint as classid, oid::bigint as objid, "column" as column, identity as relation, 'no usage on the sequence' as evidence
from judged
order by identity
