-- Settings of a live server that weaken it, as they hold for new sessions. A server without TCP needs no TLS; a setting
-- that this role may not see is not there at all.
, judged as (
  select p.name, p.reset_val as setting,
    case p.name
      when 'ssl' then p.reset_val = 'off' and exists (
        select from pg_settings l where l.name = 'listen_addresses' and l.setting not in ('', 'localhost', '127.0.0.1', '::1'))
      when 'password_encryption' then p.reset_val <> 'scram-sha-256'
      when 'fsync' then p.reset_val = 'off' and exists (
        select from pg_settings l where l.name = 'listen_addresses' and l.setting <> '')
    end as weak
  from pg_settings p, setting g
  where g.live and p.name in ('ssl', 'password_encryption', 'fsync')
)
select 'setting' as kind, name as identity, case when weak then 'fail' else 'ok' end as state,
  name || ' = ' || setting || case when not weak then '' else case name
    when 'ssl' then ': passwords and rows cross the network in clear'
    when 'password_encryption' then ': passwords are stored as hashes that are cracked at once'
    when 'fsync' then ': a crash may destroy the database' end end as detail,
  case name when 'password_encryption' then 'medium' else 'high' end as severity, name as evidence
from judged
order by name
