"""What a history leaves in the database runs when rows are planted, when policies are probed and when the catalog is
read; none of it may gain anything by that, nor decide what the others see.
"""

from __future__ import annotations

import pytest

from auditor.sources.probes import probe
from tests import shadow_support as support

SERVERS = pytest.mark.parametrize("server", support.SERVERS)
# What hostile code tries wherever it runs; `@` is a folder that everybody may write to.
SEIZE = """
create function public.seize() returns boolean language plpgsql volatile as $f$
declare command text; begin
  foreach command in array array['reset role', 'set role supabase_admin', 'set session authorization supabase_admin',
    'alter role postgres superuser', 'alter role authenticator superuser', 'alter role anon superuser',
    'grant pg_execute_server_program to postgres', 'copy (select 1) to program ''touch @/seized''',
    'set statement_timeout = 0', 'create table public.seized_' || current_user || ' ()'] loop
    begin execute command; exception when others then null; end;
  end loop;
  return true;
end $f$;
create function public.seize_row() returns trigger language plpgsql as 'begin perform public.seize(); return new; end';
create function public.seize_now() returns boolean language sql immutable as 'select public.seize()';
"""
EVERYWHERE = """
create domain public.checked as text check (public.seize());
create table public.notes (
  id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users,
  body public.checked not null, hidden boolean default public.seize(),
  length int generated always as (case when public.seize_now() then 1 end) stored,
  constraint hostile check (public.seize()));
create index on public.notes (body) where public.seize_now();
alter table public.notes enable row level security;
create policy hostile on public.notes using (public.seize() or public.seize_now()) with check (public.seize());
create trigger hostile before insert or update or delete on public.notes
  for each row execute function public.seize_row();
create trigger hostile_user after insert on auth.users for each row execute function public.seize_row();
grant all on public.notes to anon, authenticated;
"""
# The check of a foreign key runs with the rights of the owner of the table that it points to, casts included.
OWNERS = """
create extension postgis schema public;
create extension pg_cron; create extension pgmq; create extension pg_net; create extension pgsodium;
create type public.bait as enum ('a');
create function public.to_uuid(public.bait) returns uuid language plpgsql as $f$ begin
  perform public.seize(); return '00000000-0000-0000-0000-000000000001'; end $f$;
create function public.to_int(public.bait) returns int language plpgsql as $f$ begin
  perform public.seize(); return 1; end $f$;
create cast (public.bait as uuid) with function public.to_uuid(public.bait) as implicit;
create cast (public.bait as int) with function public.to_int(public.bait) as implicit;
insert into vault.secrets (id, secret) values ('00000000-0000-0000-0000-000000000001', 'x');
create table public.to_secret (id public.bait references vault.secrets);
insert into public.to_secret values ('a');
insert into public.spatial_ref_sys (srid) values (1);
create table public.to_srid (id public.bait references public.spatial_ref_sys);
insert into public.to_srid values ('a');
create trigger hostile after insert on vault.secrets for each row execute function public.seize_row();
"""
PLANTED_ON_PATH = """
create schema evil; grant usage on schema evil to public;
create function evil.to_jsonb(anyelement) returns int language plpgsql as 'begin perform public.seize(); return 1; end';
create function evil.set_config(text, text, boolean) returns text language sql as 'select public.seize()::text';
create function evil.to_regclass(text) returns regclass language sql as 'select public.seize(); select null::regclass';
create function evil.to_regnamespace(text) returns regnamespace language sql as
  'select public.seize(); select null::regnamespace';
create function evil.quote_ident(text) returns text language sql as 'select public.seize()::text';
create function evil.has_table_privilege(oid, oid, text) returns boolean language sql as 'select not public.seize()';
create function evil.eq(name, name) returns boolean language sql as 'select not public.seize()';
create operator evil.= (leftarg = name, rightarg = name, function = evil.eq);
create view evil.pg_class as select null::oid as oid where public.seize();
create view evil.pg_roles as select null::oid as oid where public.seize();
create table evil.pg_policy (oid oid);
alter database postgres set search_path = evil, pg_catalog, public;
alter role postgres set search_path = evil, pg_catalog, public;
set search_path = evil, pg_catalog, public;
create extension pg_cron; create extension hstore schema evil; create extension earthdistance schema evil cascade;
create extension http schema evil; create extension postgis schema evil;
"""
SETTINGS = {
    "local_preload_libraries": "'hostile'", "idle_session_timeout": "'1ms'", "idle_in_transaction_session_timeout": "1",
    "transaction_timeout": "'1ms'", "statement_timeout": "'1ms'", "lock_timeout": "'1ms'", "exit_on_error": "on",
    "session_authorization": "postgres", "quote_all_identifiers": "on", "standard_conforming_strings": "off",
    "transform_null_equals": "on", "row_security": "off", "search_path": "nowhere", "role": "anon",
}  # fmt: skip
TABLE = """
create table public.notes (id int primary key, body text); alter table public.notes enable row level security;
create policy own on public.notes using (body is not null);
"""


@SERVERS
@pytest.mark.parametrize("hostile", [EVERYWHERE, OWNERS, PLANTED_ON_PATH + TABLE], ids=["rows", "owners", "path"])
def test_code_that_runs_later_gains_nothing(server: str | None, hostile: str) -> None:
    with support.open_folder() as folder:
        files = {"1_a.sql": SEIZE.replace("@", str(folder)), "2_b.sql": hostile}
        with support.shadow(files, server, statement_seconds=5) as database:
            support.assert_no_power(database)
            probe(database)
            support.assert_no_power(database)
            seized = "select distinct relowner::regrole::text from pg_class where relname ~ '^seized_' order by 1"
            # It did run, as the one who replays or plants (a probe is rolled back); on a path nobody looks.
            assert support.column(database, seized) == ([] if "evil" in hostile else ["postgres"])
        assert [path.name for path in folder.iterdir()] == ["secret"]


@SERVERS
def test_no_table_that_a_history_reaches_is_the_superusers(server: str | None) -> None:
    names = [
        "pg_cron",
        "pg_net",
        "pgmq",
        "pgsodium",
        "postgis",
        "supabase_vault",
        "http",
        "vector",
        "pg_stat_statements",
    ]
    files = {f"{n}_a.sql": f'create extension if not exists "{name}" schema public;' for n, name in enumerate(names)}
    owned = """
        select oid::regclass::text from pg_class where relowner = 10 and relkind in ('r', 'p', 'm', 'f')
        and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast',
          'backend_audit_recorder')
    """
    definer = "select oid::regprocedure::text from pg_proc where prosecdef and proowner = 10 order by 1"
    with support.shadow(files, server) as database:
        assert support.column(database, owned) == []
        recorder = ["backend_audit_recorder.record_command()", "backend_audit_recorder.record_drop()"]
        assert support.column(database, definer) == recorder


@SERVERS
def test_settings_of_the_database_do_not_reach_the_catalog_session(server: str | None) -> None:
    text = "\n".join(f"alter database postgres set {name} = {value};" for name, value in SETTINGS.items())
    with support.shadow({"1_a.sql": TABLE, "2_b.sql": text}, server) as database:
        assert len(support.failed(database)) <= 1  # transaction_timeout came with 17
        ours = "select current_user::text || current_setting('search_path') || current_setting('idle_session_timeout')"
        assert support.column(database, ours) == ["supabase_adminpg_catalog0"]
        (table,) = database.schema.tables.values()
        assert table.policies[0].using == "(body IS NOT NULL)"  # neither quoted nor folded by a setting
        changed = (
            "select name from pg_settings where source in ('database', 'user', 'database user') and setting <> boot_val"
        )
        assert support.column(database, changed) == []


@SERVERS
def test_a_session_that_is_ended_does_not_hide_the_next_answer(server: str | None) -> None:
    text = """
    create function public.leave() returns boolean language sql volatile as
      'select pg_terminate_backend(pg_backend_pid())';
    create table public.a_trap (id int primary key, body text default 'x' check (public.leave()));
    alter table public.a_trap enable row level security;
    create policy trap on public.a_trap using (public.leave()) with check (public.leave());
    create table public.b_open (id int primary key, body text);
    """
    with support.shadow(text, server) as database:
        tables = {result.table.name: result for result in probe(database).tables.values()}
        assert tables["b_open"].unplanted is None
        read = {attempt.state for attempt in tables["b_open"].attempts if attempt.command == "SELECT"}
        assert read == {"allowed"}
