from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from auditor.sources.binaries import find_binaries
from tests.running import TOOL, run, write
from tests.shadow_support import assert_gone

if TYPE_CHECKING:
    from collections.abc import Iterator

SQL = """
create table public.notes (id int primary key, user_id uuid);
alter table public.notes enable row level security;
create policy own on public.notes for select to authenticated using (user_id = auth.uid());
insert into public.notes values (1, null);
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path / "project", {"supabase/migrations/1_a.sql": SQL})


@contextmanager
def started(*arguments: str | Path, lines: int, path: str | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command while it stays, and the first lines that it says."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"} | ({"PATH": path} if path else {})
    command = [*TOOL, "shadow", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout
            yield process, "".join(process.stdout.readline() for _ in range(lines))
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=20)


def folder_of(said: str) -> Path:
    found = re.search(r"host=(\S+)/s ", said)
    assert found
    return Path(found[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stays_until_a_signal_and_leaves_nothing(project: Path, number: signal.Signals) -> None:
    with started(project, "--print-dsn", lines=1) as (process, said):
        folder = folder_of(said)
        assert (folder / "s").stat().st_mode & 0o077 == 0
        with psycopg.connect(said.strip()) as session:
            assert session.execute("select count(*) from public.notes").fetchall() == [(1,)]
            assert session.execute("show listen_addresses").fetchall() == [("",)]
            power = "select current_user::text, rolsuper from pg_roles where rolname = current_user"
            assert session.execute(power).fetchall() == [("postgres", False)]
        time.sleep(0.5)
        assert process.poll() is None, "it stays"
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
        assert process.stdout
        assert process.stdout.read() == "", "nothing but the connection string"
        assert_gone(folder)


def commands_of(said: str) -> list[list[str]]:
    return [shlex.split(line) for line in said.splitlines() if "dbname=" in line]


def client(program: str, dsn: str, script: str) -> str:
    """What psql answers, whatever PG* variables its user has set."""
    environment = os.environ | {
        "PGHOST": "db.example.com",
        "PGPORT": "1",
        "PGUSER": "nobody-here",
        "PGSSLMODE": "require",
    }
    command = [program, "-XAtq", "-v", "ON_ERROR_STOP=1", dsn]
    answer = subprocess.run(
        command, input=script, capture_output=True, text=True, check=False, timeout=30, env=environment
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.skipif(not (find_binaries(None).bin / "psql").is_file(), reason="no psql beside the server binaries")
def test_the_printed_commands_work(project: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    with started(project, lines=8, path=f"{bare}:{Path(sys.executable).parent}") as (_, said):
        assert "4 of 4 statements replayed on PostgreSQL" in said
        (program, replay), (_, login) = commands_of(said)
        assert Path(program).is_file(), "without psql on PATH, the one that comes with the server"
        assert client(program, replay, "select count(*) from public.notes") == "1\n"
        asked = "begin; set local role anon; select current_user, (select count(*) from public.notes); rollback;"
        assert client(program, login, asked) == "anon|0\n"


def test_one_history_of_several_is_named(tmp_path: Path) -> None:
    files = {f"{name}/supabase/migrations/1_a.sql": f"create table public.{name} (id int);" for name in ("one", "two")}
    write(tmp_path, files)
    answer = run("shadow", tmp_path)
    assert answer.code == 2
    assert "--history: name one of one/supabase/migrations, two/supabase/migrations" in answer.err
    assert run("shadow", tmp_path, "--history", "three").code == 2
    with (
        started(tmp_path, "--history", "two/supabase/migrations/", "--print-dsn", lines=1) as (_, said),
        psycopg.connect(said.strip()) as session,
    ):
        assert session.execute("select to_regclass('public.two') is not null").fetchall() == [(True,)]


def test_what_cannot_be_replayed_has_an_exit_code(tmp_path: Path) -> None:
    assert run("shadow", tmp_path / "none").code == 2
    assert run("shadow", tmp_path).code == 5
    write(tmp_path, {"supabase/migrations/1_a.sql": SQL})
    answer = run("shadow", tmp_path, "--pg-bin", tmp_path)
    assert (answer.code, answer.out) == (4, "")


def test_a_server_that_ends_ends_the_command(project: Path) -> None:
    with started(project, "--print-dsn", lines=1) as (process, said):
        server = int((folder_of(said) / "d" / "postmaster.pid").read_text().split()[0])
        os.kill(server, signal.SIGQUIT)
        assert process.wait(timeout=20) == 3
