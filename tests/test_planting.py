# ruff: noqa: E501 - tables of examples are easier to read in long lines
"""Rows for two worlds that satisfy every kind of constraint on a real server, with triggers on."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from auditor.facts.histories import History
from auditor.facts.ownership import find_owned
from auditor.sources.binaries import find_binaries
from auditor.sources.planting import Planter
from auditor.sources.shadow import build_shadow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.database import Database
    from auditor.sources.planting import Planted

# One schema for each kind of constraint; every table must get a row in both worlds without anything switched off.
KINDS = {
    "range": "create table t (id int primary key, n int not null check (n between 37 and 41), m numeric check (m > 0 and m < 1) not null)",
    "listed": "create table t (id uuid primary key, s text not null check (s in ('north', 'south')), k varchar(9) check (k = any ('{x,y}')) not null)",
    "length": "create table t (id uuid primary key, s text not null check (char_length(s) = 26), c text check (length(trim(c)) > 40) not null)",
    "regex": r"""create table t (id uuid primary key, iban text not null check (iban ~ '^[A-Z]{2}\d{2}(?:[0-9]{4}-){3}X$'),
        hue text not null check (hue ~* '^(#[0-9a-f]{6}|rgb\(\d+\))$'), host text check (host ~ '^[a-z0-9]+(\.[a-z]+)+$') not null)""",
    "like": "create table t (id uuid primary key, u text not null check (u like 'https://www.example.org/%/x_' and u not like '%secret%'))",
    "across": "create table t (id uuid primary key, low int not null check (low > 400), high int not null, check (high > low + 3))",
    "times": "create table t (id uuid primary key, a timestamptz not null default now(), b timestamptz not null, check (b > a), check (b - a > interval '1 hour'))",
    "kinds": """create table t (id uuid primary key, kind text not null check (kind in ('url', 'file')), url text, path text,
        check ((kind = 'url' and url is not null and path is null) or (kind = 'file' and path is not null and url is null)))""",
    "one_of": "create table t (id uuid primary key, a text, b text, c text, check (num_nonnulls(a, b, c) = 1))",
    "json": "create table t (id uuid primary key, j jsonb not null check (jsonb_typeof(j) = 'array'), k jsonb not null check (k ? 'name'))",
    "arrays": "create table t (id uuid primary key, a text[] not null check (cardinality(a) between 2 and 3), b int[] not null check (array_length(b, 1) >= 1))",
    "enums": "create type mood as enum ('sad', 'glad'); create table t (id uuid primary key, m mood not null, ms mood[] not null check (cardinality(ms) > 0))",
    "domains": r"""create domain word as text check (value ~ '^\w+$') not null; create domain short as word check (char_length(value) <= 5);
        create domain plz as char(5) check (value ~ '^[0-9]{5}$'); create table t (id uuid primary key, a short, b plz not null, c word default 'x')""",
    "numbers": "create table t (id uuid primary key, a numeric(4,3) not null, b smallint not null check (b > 30000), c money not null, d numeric(3,2) not null default 40)",
    "generated": "create table t (id int generated always as identity primary key, n int not null, d int generated always as (n * 2) stored check (d > 0))",
    "unique_days": "create table t (id uuid primary key, d date not null unique, ip inet not null unique, n int not null unique, b boolean not null, unique (n, b))",
    "unique_labels": "create table t (id uuid primary key, s text not null unique check (s in ('one', 'two', 'three')))",
    "unique_pattern": "create table t (id uuid primary key, s text not null unique check (s ~ '^[A-Z]{3}$'))",
    "ranges": "create table t (id uuid primary key, a int4range not null, b tstzrange not null check (not isempty(b)), c datemultirange not null)",
    "exclusion": "create table t (id uuid primary key, room int not null, during tstzrange not null, exclude using gist (during with &&))",
    "partition_range": """create table t (id uuid, at timestamptz not null, primary key (id, at)) partition by range (at);
        create table t_1 partition of t for values from ('2031-05-01') to ('2031-06-01')""",
    "partition_list": "create table t (id uuid, c text not null, primary key (id, c)) partition by list (c); create table t_1 partition of t for values in ('eu', 'us')",
    "self": "create table t (id uuid primary key, parent uuid not null references t, root uuid references t)",
    "cycle": """create table t (id uuid primary key, main uuid, n int);
        create table u (id uuid primary key, t_id uuid not null references t); alter table t add foreign key (main) references u""",
    "json_of_a_kind": "create table t (id uuid primary key, j jsonb not null check (j ? 'theme' and jsonb_typeof(j) = 'object'))",
    "bytes": "create table t (id uuid primary key, digest bytea not null unique check (octet_length(digest) = 32), k bytea not null check (length(k) > 9))",
    "days_apart": """create table t (id uuid primary key, a date not null, b date not null, check (b > a and b <= a + 90),
        c timestamptz not null, d timestamptz not null, check (d > c and d - c < interval '2 hours'))""",
    "partition_columns": """create table t (id uuid not null, y int not null, m int not null check (m between 1 and 12), primary key (id, y, m)) partition by range (y, m);
        create table t_1 partition of t for values from (2040, 3) to (2041, 1)""",
    "partition_hash": """create table t (id uuid primary key) partition by hash (id); create table t_0 partition of t for values with (modulus 2, remainder 0);
        create table t_1 partition of t for values with (modulus 2, remainder 1)""",
    "generated_check": """create table t (id uuid primary key, a int not null default 0 check (a >= 0), b int not null default 0 check (b >= 0),
        total int generated always as (a + b) stored, check (total > 0))""",
    "signs_itself": """create table t (id uuid primary key, by uuid not null references auth.users);
        create function f() returns trigger language plpgsql as $$ begin new.by := auth.uid(); return new; end $$;
        create trigger f before insert on t for each row execute function f()""",
    "against_itself": """create table team (id uuid primary key); create table t (id uuid primary key, home uuid references team, away uuid references team);
        create table lineup (t_id uuid not null references t, team_id uuid, unique (t_id, team_id));
        create function f() returns trigger language plpgsql as
          $$ begin insert into k_against_itself.lineup values (new.id, new.home), (new.id, new.away); return new; end $$;
        create trigger f after insert on t for each row execute function f()""",
    "needed_circle": """create table t (id uuid primary key, main uuid not null, kind text not null check (kind in ('a', 'b')));
        create table u (id bigint generated always as identity primary key, code uuid not null unique, t_id uuid not null references t);
        alter table t add foreign key (main) references u (code); create table v (id uuid primary key, t_id uuid not null references t)""",
    "deferred_circle": """create table t (id uuid primary key, main uuid not null); create table u (id uuid primary key, last uuid not null);
        create table w (id uuid primary key, t_id uuid not null references t deferrable initially deferred);
        alter table t add foreign key (main) references u deferrable; alter table u add foreign key (last) references w""",
    "composite": """create table u (a uuid, b int, primary key (a, b)); create table t (id uuid primary key, a uuid not null, b int not null,
        foreign key (a, b) references u)""",
    "others": "create table t (a uuid not null references auth.users, b uuid not null references auth.users, primary key (a, b), check (a <> b))",
    "function": """create function colour() returns text language sql immutable as $$ select 'teal' $$;
        create function ok(v text, w text) returns boolean language plpgsql immutable as $$ begin return v = w || '-1'; end $$;
        create table t (id uuid primary key, c text not null check (c = colour()), d text not null check (ok(d, 'abc')))""",
    "opaque": """create function odd(v int) returns boolean language plpgsql immutable as $$ declare x int := v; begin x := x % 7; return x = 5; end $$;
        create table t (id uuid primary key, n int not null check (odd(n)))""",
    "trigger": """create table t (id uuid primary key, s text not null check (s in ('draft', 'live')));
        create function f() returns trigger language plpgsql as $$ begin if new.s <> 'live' then raise 'not %', new.s; end if; return new; end $$;
        create trigger f before insert on t for each row execute function f()""",
    "signed_in": """create table t (id uuid primary key, who uuid);
        create function f() returns trigger language plpgsql as $$ begin new.who := auth.uid(); if new.who is null then raise 'nobody'; end if; return new; end $$;
        create trigger f before insert on t for each row execute function f()""",
    "made_by_trigger": """create table t (id uuid primary key, owner uuid not null references auth.users); create table u (t_id uuid primary key references t, n int);
        create function f() returns trigger language plpgsql as $$ begin insert into k_made_by_trigger.u values (new.id, 1); return new; end $$;
        create trigger f after insert on t for each row execute function f()""",
    "composite_type": "create type pair as (a int, b text); create table t (id uuid primary key, p pair not null, bits bit(4) not null, v varchar(3) not null)",
    "named": 'create table "T t" (id uuid primary key, "Group" text not null check ("Group" in (\'x\')), "order" int not null check ("order" > 5))',
}  # fmt: skip
MEMBERS = """
create type public.rank as enum ('owner', 'editor', 'viewer');
create table public.teams (id uuid primary key, name text not null);
create table public.team_members (
  team_id uuid not null references public.teams, user_id uuid not null references auth.users,
  rank_role public.rank not null, active boolean not null default true, primary key (team_id, user_id));
create table public.favourites (
  team_id uuid not null references public.teams, user_id uuid not null references auth.users, primary key (team_id, user_id));
"""
SEEDED = """
create table public.plans (id text primary key check (id in ('free')), price int);
insert into public.plans values ('free', 0);
create table public.subscriptions (id uuid primary key, owner uuid not null references auth.users,
  plan text not null references public.plans);
"""


def _planted(text: str, stack: ExitStack) -> tuple[Database, Planted]:
    history = History("supabase", "m", ".", {"m/1.sql": text}, (), supabase=True)
    database = build_shadow(history, find_binaries(None), None, stack)
    return database, Planter(database, find_owned(database.schema)).run()


@pytest.fixture(scope="module")
def kinds() -> Iterator[tuple[Database, Planted]]:
    """All kinds on one server, each in a schema of its own."""
    parts = [
        f"create schema k_{name}; set search_path = k_{name}, public, extensions; {text};"
        for name, text in KINDS.items()
    ]
    with ExitStack() as stack:
        yield _planted("\n".join(parts), stack)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_for_each_world_satisfies(kind: str, kinds: tuple[Database, Planted]) -> None:
    database, planted = kinds
    tables = [t for t in database.schema.tables.values() if t.schema == f"k_{kind}" and not t.partition]
    assert tables
    for table in tables:
        assert (planted.reasons.get(table.oid), table.oid in planted.forced) == (None, False)
        first, second = (world.rows[table.oid] for world in planted.worlds)
        assert first != second


def _row(kinds: tuple[Database, Planted], kind: str, world: int = 0) -> dict[str, Any]:
    database, planted = kinds
    (oid,) = [t.oid for t in database.schema.tables.values() if t.schema == f"k_{kind}" and t.name == "t"]
    return planted.worlds[world].rows[oid]


def test_every_history_of_the_kinds_replays(kinds: tuple[Database, Planted]) -> None:
    assert kinds[0].replay
    assert kinds[0].replay.failures == []


def test_somebody_else_is_needed_where_two_have_to_differ(kinds: tuple[Database, Planted]) -> None:
    row = _row(kinds, "others")
    assert {row["a"], row["b"]} == {world.user for world in kinds[1].worlds}
    (needs,) = [texts for (world, _), texts in kinds[1].needs.items() if world == "a"]
    assert needs == [kinds[1].users["b"]]


def test_a_trigger_that_asks_who_is_signed_in_hears_it(kinds: tuple[Database, Planted]) -> None:
    assert _row(kinds, "signed_in", 1)["who"] == kinds[1].worlds[1].user


def test_members_of_the_first_tenant() -> None:
    with ExitStack() as stack:
        database, planted = _planted(MEMBERS, stack)
        (oid,) = [table.oid for table in database.schema.tables.values() if table.name == "team_members"]
        teams = next(table.oid for table in database.schema.tables.values() if table.name == "teams")
        rows = {name: world.rows[oid] for name, world in planted.members.items()}
        tenant = planted.worlds[0].rows[teams]["id"]
    assert {name: (row["team_id"], row["rank_role"]) for name, row in rows.items()} == {
        "member": (tenant, "viewer"),
        "admin": (tenant, "owner"),
    }
    assert rows["member"]["user_id"] == planted.members["member"].user != rows["admin"]["user_id"]
    user, *others = planted.member_statements["member"]
    assert user.startswith("insert into auth.users")
    assert len(others) == 1
    assert planted.worlds[0].rows[oid]["active"]


def test_a_seeded_row_stands_for_one_that_cannot_be_made() -> None:
    with ExitStack() as stack:
        database, planted = _planted(SEEDED, stack)
        names = {table.name: table.oid for table in database.schema.tables.values()}
    assert planted.seeded == {names["plans"]}
    assert not planted.forced
    assert planted.worlds[1].rows[names["subscriptions"]]["plan"] == "free"


def test_reasons_name_the_constraint_or_the_trigger() -> None:
    text = """
    create table public.a (id int primary key, n int not null, constraint never check (n < 0 and n > 0));
    create table public.b (id int primary key);
    create function public.no() returns trigger language plpgsql as $$ begin raise 'not today'; end $$;
    create trigger gate before insert on public.b for each row execute function public.no();
    """
    with ExitStack() as stack:
        database, planted = _planted(text, stack)
        names = {table.name: table.oid for table in database.schema.tables.values()}
    assert '"never"' in planted.failed[names["a"]]
    assert planted.reasons[names["b"]] == "trigger gate: not today"
    assert planted.forced == {names["b"]}


def test_two_runs_plant_the_same_rows() -> None:
    text = ";".join(text for name, text in KINDS.items() if name == "kinds") + ";" + MEMBERS
    with ExitStack() as stack:
        (_, first), (_, second) = _planted(text, stack), _planted(text, stack)
    assert list(first.statements.values()) == list(second.statements.values())
    assert first.member_statements == second.member_statements


_NO_PROFILE = """
create table public.profiles (id uuid primary key references auth.users, name text not null, check (name is null));
create table public.teams (id uuid primary key, name text);
create table public.team_members (
  id uuid primary key, team_id uuid not null references public.teams, user_id uuid not null references auth.users);
alter table public.team_members add constraint a_profile foreign key (user_id) references public.profiles;
alter table public.team_members enable row level security;
create policy own on public.team_members using (auth.uid() = user_id);
"""


def test_nobody_becomes_a_member_of_the_other_tenant() -> None:
    with ExitStack() as stack:
        database, planted = _planted(_NO_PROFILE, stack)
        (oid,) = [table.oid for table in database.schema.tables.values() if table.name == "team_members"]
    assert oid in planted.forced
    assert [world.rows[oid]["user_id"] for world in planted.worlds] == [world.user for world in planted.worlds]
