"""A hostile history may not read a file, run a program, open a connection, or become somebody else."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from auditor.model import DbObject
from tests import shadow_support as support

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from auditor.sources.database import Database

FILES = """
copy (select 1) to program 'touch @/program';
create table public.stolen_a (t text);
copy public.stolen_a from program 'touch @/program; cat @/secret';
copy public.stolen_a from '@/secret';
copy (select 1) to '@/file';
create table public.stolen_b as select pg_read_file('@/secret') as t;
create table public.stolen_c as select convert_from(pg_read_binary_file('@/secret'), 'UTF8') as t;
create table public.stolen_d as select pg_ls_dir('@') as t;
create table public.stolen_e as select convert_from(lo_get(lo_import('@/secret')), 'UTF8') as t;
select lo_export(lo_from_bytea(0, 'x'), '@/large');
create function public.run(text) returns int language c as 'libc.so.6', 'system';
select public.run('touch @/c');
create function public.run_internal(cstring) returns text language internal as 'pg_read_file_all';
create extension plpython3u;
create function public.py() returns void language plpython3u as 'open("@/python", "w")';
select public.py();
create extension plperlu;
create language plperlu;
create extension file_fdw;
create server files foreign data wrapper file_fdw;
create foreign table public.stolen_f (t text) server files options (filename '@/secret');
create tablespace hostile location '@';
load '@/hostile.so';
load 'dblink';
alter system set archive_command = 'touch @/archive';
alter database postgres set session_preload_libraries = '@/hostile.so';
alter database postgres set dynamic_library_path = '@';
set dynamic_library_path = '@';
create extension adminpack;
select pg_file_write('@/adminpack', 'x', false);
select pg_reload_conf();
"""
ROLES = """
alter role postgres superuser;
alter role postgres replication;
create role hostile superuser login;
create role replicator replication login;
alter role supabase_admin password 'known';
alter role supabase_admin set search_path = public;
alter role all set search_path = public;
alter role authenticator superuser;
grant supabase_admin to postgres;
grant postgres to supabase_admin;
set role supabase_admin;
set session authorization supabase_admin;
grant pg_execute_server_program to postgres;
grant pg_read_server_files to current_user;
create role own_role;
grant pg_execute_server_program to own_role;
grant pg_write_server_files to own_role with admin option;
grant own_role to postgres;
create role inner_role in role pg_execute_server_program admin postgres;
update pg_authid set rolsuper = true;
update pg_catalog.pg_roles set rolsuper = true;
set allow_system_table_mods = on;
create function pg_catalog.hostile() returns int language sql as 'select 1';
reassign owned by supabase_admin to postgres;
drop owned by supabase_admin;
create event trigger hostile on ddl_command_end execute function public.watch();
create function public.watch() returns event_trigger language plpgsql as 'begin end';
create event trigger hostile on ddl_command_end execute function public.watch();
"""
RECORDER = """
drop schema backend_audit_recorder cascade;
drop event trigger backend_audit_command;
alter event trigger backend_audit_command disable;
alter event trigger backend_audit_drop owner to postgres;
create table backend_audit_recorder.mine (i int);
delete from backend_audit_recorder.event;
create trigger t before insert on backend_audit_recorder.event execute function public.watch();
grant all on schema backend_audit_recorder to postgres;
alter function backend_audit_recorder.record_command() owner to postgres;
create or replace function backend_audit_recorder.record_drop() returns event_trigger language sql as 'select 1';
set event_triggers = off;
set session_replication_role = replica;
set standard_conforming_strings = off;
"""
NETWORK = """
create extension dblink;
select dblink_connect('host=127.0.0.1 port=# user=a password=b dbname=c');
select dblink_exec('host=127.0.0.1 port=5432 user=supabase_admin dbname=postgres', 'alter role postgres superuser');
create extension postgres_fdw;
create server remote foreign data wrapper postgres_fdw options (host '127.0.0.1', port '#');
create user mapping for postgres server remote options (user 'a', password 'b');
create foreign table public.remote (i int) server remote;
select * from public.remote;
create subscription remote connection 'host=127.0.0.1 port=# user=a password=b' publication p;
create extension http;
select http_get('http://127.0.0.1:#/');
create extension pg_net;
select net.http_get('http://127.0.0.1:#/');
"""
LAST = "create table public.made_last (id int primary key);"


def _hidden(statements: str) -> str:
    """Each statement inside a DO block that swallows its error: nothing may rest on how its text looks."""
    lines = [line for line in statements.strip().splitlines() if "backend-audit" not in line]
    swallow = "do $do$ begin execute $sql${}$sql$; exception when others then null; end $do$;"
    return "\n".join(swallow.format(line.rstrip(";")) for line in lines)


@dataclass
class Attacked:
    database: Database
    folder: Path
    listener: socket.socket


@pytest.fixture(scope="module", params=support.SERVERS)
def attacked(request: pytest.FixtureRequest) -> Iterator[Attacked]:
    with ExitStack() as stack:
        folder = stack.enter_context(support.open_folder())
        listener = stack.enter_context(support.listener())
        port = str(listener.getsockname()[1])
        files: dict[str, str] = {}
        for number, text in enumerate((FILES, ROLES, NETWORK, RECORDER)):
            hostile = text.replace("@", str(folder)).replace("#", port)
            files |= {f"{number}1_plain.sql": hostile, f"{number}2_hidden.sql": _hidden(hostile)}
        # In one file with the last attack: its settings still hold when the table is made.
        files["32_hidden.sql"] += f"\nset session_replication_role = replica;\n{LAST}"
        yield Attacked(stack.enter_context(support.shadow(files, request.param)), folder, listener)


def test_no_file_was_read_or_written_and_no_program_ran(attacked: Attacked) -> None:
    assert [path.name for path in attacked.folder.iterdir()] == ["secret"]
    tables = support.column(
        attacked.database, "select oid::regclass::text from pg_class where relname ~ '^stolen' and relkind = 'r'"
    )
    assert tables  # the first one is made, so that a COPY into it has somewhere to go
    for table in tables:
        assert support.as_replay_role(attacked.database, f"table {table}") == []
    assert support.column(attacked.database, "select loid::text from pg_largeobject") == []


def test_no_language_that_can_reach_the_machine(attacked: Attacked) -> None:
    languages = support.column(attacked.database, "select lanname::text from pg_language order by lanname")
    assert languages == ["c", "internal", "plpgsql", "sql"]
    native = """
        select p.oid::regprocedure::text from pg_proc p join pg_language l on l.oid = p.prolang
        where l.lanname in ('c', 'internal') and p.proowner <> 10
    """
    assert support.column(attacked.database, native) == []


def test_no_connection_was_opened(attacked: Attacked) -> None:
    assert not support.connected(attacked.listener)
    assert support.column(attacked.database, "select srvname::text from pg_foreign_server") == []
    assert support.column(attacked.database, "select subname::text from pg_subscription") == []


def test_the_listener_would_have_noticed(attacked: Attacked) -> None:
    import socket

    with socket.create_connection(attacked.listener.getsockname()):
        assert support.connected(attacked.listener)


def test_nobody_gained_power(attacked: Attacked) -> None:
    support.assert_no_power(attacked.database)
    changed = (
        "select setdatabase::text || setrole::text from pg_db_role_setting where setrole in (0, 10) and setdatabase = 0"
    )
    assert support.column(attacked.database, changed) == []
    assert attacked.database.session.execute("select rolpassword from pg_authid where oid = 10").fetchone() == (None,)
    assert support.as_replay_role(attacked.database, "select current_user::text, session_user::text") == [
        ("postgres", "postgres")
    ]


def test_the_recorder_went_on_recording(attacked: Attacked) -> None:
    triggers = (
        "select evtname::text || ' ' || evtenabled::text || ' ' || evtowner::text from pg_event_trigger order by 1"
    )
    assert support.column(attacked.database, triggers) == ["backend_audit_command A 10", "backend_audit_drop A 10"]
    tables = [table for table in attacked.database.schema.tables.values() if table.name == "made_last"]
    assert tables
    span = attacked.database.locate(DbObject("table", tables[0].identity, 1259, tables[0].oid))
    assert span
    assert span.path.endswith("32_hidden.sql")
    assert support.column(attacked.database, "select count(*) from backend_audit_recorder.event")[0] > 5


def test_the_server_goes_with_its_folder() -> None:
    with support.shadow(LAST) as database:
        assert database.cluster
        folder = database.cluster.folder
        assert support.servers_of(folder)
    support.assert_gone(folder, seconds=0)
