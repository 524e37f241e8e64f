"""Rows that satisfy a schema, callers that try to get at them, and transcripts that a reviewer can run."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.detectors.ask import ask_database
from auditor.facts.histories import History, find_histories
from auditor.facts.ownership import find_owned
from auditor.rulebook import load_rulebook
from auditor.sources.binaries import find_binaries
from auditor.sources.probes import probe
from auditor.sources.repository import read_repository
from auditor.sources.shadow import build_shadow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.database import Database
    from auditor.sources.probes import Probed, TableProbe

PSQL = shutil.which("psql") or "/usr/lib/postgresql/15/bin/psql"
FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"

HARD = """
create type public.plan as enum ('free', 'pro');
create domain public.slug as text check (value ~ '^[a-z0-9-]+$');
create table public.teams (
  id uuid primary key default gen_random_uuid(),
  slug public.slug not null unique,
  plan public.plan not null,
  seats int not null check (seats between 5 and 500),
  country char(2) not null,
  tags text[] not null,
  settings jsonb not null,
  period tstzrange not null,
  price numeric(10, 2) not null check (price > 0),
  total numeric generated always as (price * 2) stored,
  email text not null check (email like '%@%'),
  color text not null check (color ~ '^#[0-9a-f]{6}$'),
  code text not null check (char_length(code) >= 8));
create table public.members (
  team_id uuid not null references public.teams, user_id uuid not null references auth.users,
  role text not null check (role in ('owner', 'member')), primary key (team_id, user_id));
create table public.docs (
  id bigint generated always as identity primary key, team_id uuid not null references public.teams,
  author uuid not null default auth.uid() references auth.users, parent_id bigint references public.docs,
  starts date not null, ends date not null, check (ends >= starts));
alter table public.teams enable row level security;
alter table public.members enable row level security;
alter table public.docs enable row level security;
"""
TRIGGERED = """
create table public.teams (id uuid primary key default gen_random_uuid(), owner_id uuid not null references auth.users);
create table public.docs (id uuid primary key, team_id uuid not null references public.teams, body text);
create function public.on_user() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.teams(owner_id) values (new.id);
  return new;
end $$;
create trigger on_user after insert on auth.users for each row execute function public.on_user();
"""


@contextmanager
def _probed(text: str) -> Iterator[tuple[Database, Probed]]:
    history = History("supabase", "m", ".", {"m/1.sql": text}, (), supabase=True)
    with ExitStack() as stack:
        database = build_shadow(history, find_binaries(None), None, stack)
        yield database, probe(database)


def _table(probed: Probed, name: str) -> TableProbe:
    return next(result for result in probed.tables.values() if result.table.name == name)


def test_rows_are_made_the_honest_way() -> None:
    with _probed(HARD) as (_, probed):
        state = {r.table.name: (r.unplanted, r.forced) for r in probed.tables.values()}
    assert state == {"teams": (None, False), "members": (None, False), "docs": (None, False)}


def test_ownership_is_read_from_the_schema() -> None:
    with _probed(HARD) as (database, _):
        owned = {database.schema.tables[oid].name: found for oid, found in find_owned(database.schema).items()}
    assert owned["docs"].tenant == "team_id"
    assert owned["docs"].users == ("author",)
    assert owned["members"].users == ("user_id",)


def test_a_table_that_cannot_be_filled_is_unknown_with_its_reason() -> None:
    text = """
    create table public.notes (id int primary key, user_id uuid references auth.users,
      n int check (n is not null and n <> n));
    alter table public.notes enable row level security;
    create policy own on public.notes to authenticated using ((select auth.uid()) = user_id);
    """
    page = load_rulebook().page("cross-tenant-read")
    assert page
    with _probed(text) as (database, probed):
        (answer,) = ask_database(page, database, probed)
    assert answer.state == "unknown"
    assert "notes" in answer.detail


def test_a_row_that_needs_triggers_off_is_marked() -> None:
    text = """
    create table public.notes (id int primary key, user_id uuid references auth.users);
    create function public.no() returns trigger language plpgsql as $$ begin raise 'not today'; end $$;
    create trigger no before insert on public.notes for each row execute function public.no();
    """
    with _probed(text) as (_, probed):
        result = _table(probed, "notes")
    assert result.unplanted is None
    assert result.forced


def test_rows_of_triggers_count_and_their_ids_stay_out_of_the_transcript() -> None:
    with _probed(TRIGGERED) as (_, first), _probed(TRIGGERED) as (_, second):
        scripts = [[a.script for a in _table(probed, "docs").attempts] for probed in (first, second)]
    assert scripts[0] == scripts[1]
    assert any("\\gset" in script for script in scripts[0])


def test_a_probe_leaves_the_rows_as_they_were() -> None:
    with _probed(TRIGGERED) as (database, probed):
        deleted = [a for a in _table(probed, "docs").attempts if a.command == "DELETE"]
        assert deleted[0].state == "allowed"
        assert database.cluster
        with database.cluster.connect("postgres") as session:
            assert session.execute("select count(*) from public.docs").fetchone() == (2,)


@pytest.mark.skipif(not Path(PSQL).is_file(), reason="no psql on this machine")
@pytest.mark.parametrize("source", ["leaky", "triggered"])
def test_transcripts_run_in_psql_on_a_fresh_replay(source: str) -> None:
    """A reviewer who replays the migrations and pastes a transcript sees what the report says."""
    if source == "leaky":
        repository = read_repository(FIXTURES / "leaky")
        (history,) = find_histories(repository.files, repository.units, repository.text).histories
    else:
        history = History("supabase", "m", ".", {"m/1.sql": TRIGGERED}, (), supabase=True)
    binaries = find_binaries(None)
    with ExitStack() as stack:
        probed = probe(build_shadow(history, binaries, None, stack))
        fresh = build_shadow(history, binaries, None, stack)
        every = [attempt for result in probed.tables.values() for attempt in result.attempts]
        allowed = [a for a in every if a.state == "allowed" and a.script]
        assert len(allowed) > 3
        for attempt in allowed:
            assert _shows(_psql(fresh, attempt.script), attempt.seen), (attempt.seen, attempt.script)
        recursive = [p for r in probed.tables.values() for p in r.plans if p.state == "error"]
        for plan in recursive[:2]:
            assert "infinite recursion" in _psql(fresh, plan.script)


def _psql(database: Database, script: str) -> str:
    assert database.cluster
    command = [PSQL, "-X", "-h", str(database.cluster.folder / "s"), "-U", "postgres", "-d", "postgres"]
    answer = subprocess.run(command, input=script, capture_output=True, text=True, check=False, timeout=60)
    return answer.stdout + answer.stderr


def _shows(output: str, seen: str) -> bool:
    """`DELETE of 2 rows` is `DELETE n` with n > 0; a count stands on a line of its own."""
    command = seen.split(maxsplit=1)[0]
    lines = [line.strip() for line in output.splitlines()]
    if command == "SELECT":
        return "1" in lines
    counts = [line.split()[-1] for line in lines if line.startswith(command)]
    return bool(counts) and counts[-1] != "0"


def test_who_made_reference_data_does_not_own_what_hangs_on_it() -> None:
    text = """
    create table public.roles (id int primary key, created_by uuid references auth.users);
    create table public.role_permissions (role_id int primary key references public.roles);
    create table public.folders (id int primary key, user_id uuid references auth.users);
    create table public.files (id int primary key, folder_id int not null references public.folders);
    """
    with _probed(text) as (database, _):
        owned = {database.schema.tables[oid].name for oid in find_owned(database.schema)}
    assert owned == {"roles", "folders", "files"}
