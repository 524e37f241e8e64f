-- Exposed views that hand out rows which row level security would have kept back. Every view is walked down to its
-- tables. `acting` is the role whose rights hold at that step: the owner of a view, 0 (the caller) below a view with
-- security_invoker. A materialized view is filled with its owner's rights, so below it the owner is the `caller`.
, view as (
  select c.oid, c.relkind::text as kind, c.relowner as owner,
    c.relkind = 'v' and exists (select from unnest(c.reloptions) o
      where lower(o) ~ '^security_invoker=(t|tr|tru|true|on|y|ye|yes|1)$') as invoker,
    -- A query that asks who is calling, behind WHERE or in a join, may well filter the rows itself.
    c.relkind = 'v' and (
      pg_get_viewdef(c.oid) ~* '\m(where|join|having)\M.*(auth\.(uid|jwt|email|role)\(|current_setting\(''request\.|\mcurrent_user\M|\msession_user\M)'
      or exists (
        select from pg_rewrite r
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_proc'::regclass
        join pg_proc f on f.oid = d.refobjid
        join own_schema s on s.oid = f.pronamespace
        where r.ev_class = c.oid and f.prosrc ~* 'auth\.(uid|jwt|email|role)\s*\(|current_setting\s*\(\s*''request\.')
    ) as filters
  from pg_class c
  where c.relkind in ('v', 'm') and c.oid >= 16384
),
-- Relations that a view's query names (range table entries of kind 0). pg_depend would do, did it not also hold the
-- row type of a function's result, which is read under that function's own rules. The `first` one is the one that a
-- write through the view goes to, where the server lets the view be written at all.
reads as (
  select view, oid, bool_or(number = 1) as first
  from (
    select r.ev_class as view, named[1]::oid as oid, row_number() over (partition by r.ev_class order by n) as number
    from pg_rewrite r
    join view v on v.oid = r.ev_class
    cross join lateral regexp_matches(r.ev_action::text, ':rtekind 0 :relid ([0-9]+)', 'g') with ordinality m(named, n)
    where r.ev_type = '1' and named[1]::oid <> r.ev_class
  ) numbered
  group by view, oid
),
-- `gate`: the view below one with security_invoker that the caller must be able to read itself.
reach as (
  with recursive walk(root, view, oid, acting, caller, gate, filtered, written) as (
    select e.oid, v.oid, d.oid, case when v.invoker then 0::oid else v.owner end,
      case when v.kind = 'm' then v.owner else 0::oid end, 0::oid, v.filters, d.first and not v.invoker
    from exposed e
    join view v on v.oid = e.oid
    join reads d on d.view = v.oid
    union
    select w.root, v.oid, d.oid, case when v.invoker then w.caller else v.owner end,
      case when v.kind = 'm' then v.owner else w.caller end,
      case when w.acting <> 0 or v.invoker then w.gate else v.oid end,
      v.kind = 'v' and w.caller = 0 and (w.filtered or v.filters), w.written and d.first
    from walk w
    join view v on v.oid = w.oid
    join reads d on d.view = v.oid
    -- What the caller reads by itself is that view's own fault if it is exposed.
    where w.acting <> 0 or v.invoker or not exists (select from exposed e where e.oid = v.oid)
  )
  select root, view, oid, acting, gate, filtered, written from walk
),
reader as (
  select distinct h.root, h.gate, a.oid as role, a.name
  from reach h
  join privilege p on p.oid = h.root and p.command = 'SELECT'
  join api_role a on a.name = p.role
  where case when h.gate = 0 then true else has_any_column_privilege(a.oid, h.gate, 'SELECT') end
),
-- `sensitive`: accounts (more of them than an id) and secrets. `open`: every reader of the view may read every row anyway.
hit as (
  select h.root, h.gate, h.filtered, h.written, t.oid, h.acting, o.rolname as owner,
    quote_ident(n.nspname) || '.' || quote_ident(t.relname) as identity,
    n.nspname in ('auth', 'vault') and (n.nspname <> 'auth' or t.relname <> 'users' or exists (
      select from pg_rewrite r
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        and d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid
      join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
      where r.ev_class = h.view and a.attname not in ('id', 'created_at')
    )) as sensitive,
    n.nspname not in ('auth', 'vault') and not exists (
      select from reader g
      where g.root = h.root and g.gate = h.gate and not (
        has_schema_privilege(g.role, n.oid, 'USAGE') and has_table_privilege(g.role, t.oid, 'SELECT')
        and not exists (select from pg_policy q where q.polrelid = t.oid and not q.polpermissive and q.polcmd in ('r', '*'))
        and exists (
          select from pg_policy q
          cross join lateral unnest(q.polroles) u(role)
          where q.polrelid = t.oid and q.polpermissive and q.polcmd in ('r', '*') and pg_get_expr(q.polqual, q.polrelid) = 'true'
            and case when u.role = 0 then true else pg_has_role(g.role, u.role, 'USAGE') end))
    ) as open
  from reach h
  join pg_class t on t.oid = h.oid and t.relkind in ('r', 'p')
  join pg_namespace n on n.oid = t.relnamespace
  join pg_roles o on o.oid = h.acting
  where n.nspname in ('auth', 'vault')
    or t.relrowsecurity and (o.rolsuper or o.rolbypassrls
      or pg_has_role(o.oid, t.relowner, 'USAGE') and not t.relforcerowsecurity)
),
leak as (
  select root, string_agg(distinct identity, ', ' order by identity) filter (where not open) as shown,
    bool_and(filtered) as filtered, bool_or(sensitive and not filtered) as sensitive, min(owner) as owner
  from hit
  group by root
),
-- Writes that the server itself carries on to the table: an INSTEAD OF trigger runs with the caller's rights, and what
-- a rule does is its own.
writable as (
  select e.oid, string_agg(distinct w.command, ', ' order by w.command) as commands,
    string_agg(distinct h.identity, ', ' order by h.identity) as touched
  from exposed e
  join (values ('UPDATE', 4, 16, '2'), ('INSERT', 8, 4, '3'), ('DELETE', 16, 8, '4')) w(command, bit, event, rule) on w.command = any (e.commands)
  join hit h on h.root = e.oid and h.written and has_table_privilege(h.acting, h.oid, w.command)
  where e.kind = 'v' and pg_relation_is_updatable(e.oid, false) & w.bit <> 0
    and not exists (select from pg_trigger t where t.tgrelid = e.oid and t.tgtype & 64 <> 0 and t.tgtype & w.event <> 0)
    and not exists (select from pg_rewrite r where r.ev_class = e.oid and r.ev_type::text = w.rule and r.is_instead)
  group by e.oid
),
judged as (
  select e.oid, e.identity, case e.kind when 'm' then 'materialized view' else 'view' end as kind, l.*, w.commands as writes, w.touched,
    (select string_agg(distinct g.name, ' and ' order by g.name) from reader g
      join hit h on h.root = g.root and h.gate = g.gate and not h.open where g.root = e.oid) as readers
  from exposed e
  left join leak l on l.root = e.oid
  left join writable w on w.oid = e.oid
  where e.kind in ('v', 'm')
),
verdict as (
  select j.*, shown is not null and readers is not null as shows, writes is not null as writes_past from judged j
)
select kind, identity, case when shows or writes_past then 'fail' else 'ok' end as state,
  case when shows or writes_past then concat_ws('; ',
    case when shows then 'it reads ' || shown || ' with the rights of ' || quote_ident(owner)
      || ', past row level security, for ' || readers end,
    case when writes_past then writes || ' through it reach ' || touched || ' past row level security' end,
    case when filtered then 'its query asks who is calling, so it may filter the rows itself' end)
  end as detail,
  case when not (shows or writes_past) then null when filtered then 'medium' when shows and sensitive then 'critical' else 'high' end as severity,
  case when (shows or writes_past) and filtered then 'suspected' end as confidence,
  'pg_class'::regclass::oid::bigint as classid, oid::bigint as objid,
  concat_ws('; ', 'reads ' || shown, case when writes_past then 'writes ' || touched end) as evidence
from verdict
order by identity
