-- Tables on which one role meets several permissive policies for one command: each of them is worked out for each row.
-- One row per table and command, however many roles it concerns.
, met as (
  select p.relation, q.oid as policy, q.polname::text as name, c.command, a.name as role
  from policy p
  join pg_policy q on q.oid = p.oid and q.polpermissive
  join (values ('r', 'SELECT'), ('a', 'INSERT'), ('w', 'UPDATE'), ('d', 'DELETE')) c(letter, command) on q.polcmd::text in (c.letter, '*')
  join api_role a on 0 = any (q.polroles) or a.oid = any (q.polroles)
  join privilege g on g.oid = p.relation and g.role = a.name and g.command = c.command
),
counted as (
  select relation, command, role, count(*) as policies, string_agg(quote_ident(name), ', ' order by name) as names
  from met
  group by relation, command, role
),
worst as (
  select relation, command, max(policies) as policies, (array_agg(names order by policies desc, names))[1] as names,
    string_agg(role, ' and ' order by role) filter (where policies > 1) as roles
  from counted
  group by relation, command
)
select 'table' as kind, e.identity || ' for ' || w.command as identity, case when w.policies > 1 then 'fail' else 'ok' end as state,
  case when w.policies > 1 then w.policies || ' permissive policies for ' || w.roles || ' on ' || w.command || ', all of them checked for each row: ' || w.names end as detail,
  'pg_class'::regclass::oid::bigint as classid, e.oid::bigint as objid, e.identity as relation, 'several permissive policies' as evidence
from worst w
join exposed e on e.oid = w.relation and e.rls
order by identity
