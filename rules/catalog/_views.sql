-- Shared views of every catalog query. Parameters: the schemas that the API serves, the API's roles, the schemas of the
-- platform, whether this is a live server (only there do statistics mean anything), and objects that merely stand in for
-- what no migration makes. Those, and what belongs to an extension, are left out everywhere.
with setting as (
  select %(schemas)s::text[] as schemas, %(roles)s::text[] as roles, %(platform)s::text[] as platform, %(live)s::boolean as live,
    %(hidden)s::bigint[] as hidden
),
api_role as (
  select r.oid, r.rolname::text as name from pg_roles r, setting s where r.rolname = any (s.roles)
),
own_schema as (
  select n.oid, n.nspname::text as name, n.nspname = any (s.schemas) as served
  from pg_namespace n, setting s
  where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> all (s.platform)
),
extension_member as (
  select classid, objid from pg_depend where deptype = 'e'
),
relation as (
  select c.oid, n.name as schema, c.relname::text as name, quote_ident(n.name) || '.' || quote_ident(c.relname) as identity,
    c.relkind::text as kind, c.relrowsecurity as rls, c.relforcerowsecurity as force_rls, c.relowner as owner,
    c.reloptions as options, c.relispartition as partition, n.oid as schema_oid, n.served
  from pg_class c
  join own_schema n on n.oid = c.relnamespace
  where not exists (select from extension_member e where e.classid = 'pg_class'::regclass and e.objid = c.oid)
    and c.oid <> all (select unnest(hidden) from setting)
),
privilege as (
  select r.oid, a.name as role, p.command
  from relation r
  cross join api_role a
  cross join (values ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) p(command)
  where r.kind in ('r', 'p', 'v', 'm', 'f')
    and has_schema_privilege(a.oid, r.schema_oid, 'USAGE')
    and (has_table_privilege(a.oid, r.oid, p.command)
      or (p.command <> 'DELETE' and has_any_column_privilege(a.oid, r.oid, p.command)))
),
reachable as (
  select oid, array_agg(distinct role order by role) as roles, array_agg(distinct command order by command) as commands
  from privilege
  group by oid
),
exposed as (
  select r.*, g.roles, g.commands from relation r join reachable g on g.oid = r.oid where r.served
),
policy as (
  select p.oid, p.polrelid as relation, r.identity as table_identity, r.rls, p.polname::text as name,
    r.identity || '.' || quote_ident(p.polname) as identity
  from pg_policy p
  join relation r on r.oid = p.polrelid
),
own_function as (
  select f.oid, n.name as schema, f.proname::text as name,
    quote_ident(n.name) || '.' || quote_ident(f.proname) || '(' || oidvectortypes(f.proargtypes) || ')' as identity,
    f.prosecdef as definer, f.proconfig as config, f.prorettype as returns, f.proowner as owner, n.served
  from pg_proc f
  join own_schema n on n.oid = f.pronamespace
  where not exists (select from extension_member e where e.classid = 'pg_proc'::regclass and e.objid = f.oid)
    and f.oid <> all (select unnest(hidden) from setting)
)
,
-- One sentence per relation: which API role may do what to it.
access as (
  select oid, string_agg(roles || ' may ' || commands, '; ' order by roles) as sentence
  from (
    select oid, commands, string_agg(role, ' and ' order by role) as roles
    from (
      select oid, role, string_agg(command, ', ' order by strpos('SELECT INSERT UPDATE DELETE', command)) as commands
      from privilege
      group by oid, role
    ) of_role
    group by oid, commands
  ) of_commands
  group by oid
)
