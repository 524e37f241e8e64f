"""Functions are called whatever the type of their arguments is, and refuse in whatever words they like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.sources.probes import probe
from tests import shadow_support as support

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = """
create type public.rank as enum ('owner', 'viewer');
create domain public.slug as text check (value ~ '^[a-z@.]+$');
create domain public.never as text check (value = 'a word that nobody thinks of');
create table public.team_audit (id uuid primary key, note text);
create table public.apps (
  app_id text primary key, id uuid not null unique, owner_id uuid not null references auth.users);
create type public.pair as (team uuid, r public.rank, tags text[]);
create table public.teams (id uuid primary key, name text, owner_id uuid not null references auth.users);
create table public.members (
  team_id uuid references public.teams, user_id uuid references auth.users, r public.rank not null,
  primary key (team_id, user_id));
alter table public.teams enable row level security;
alter table public.members enable row level security;
"""
ARGUMENTS = {
    "enum": "team_id uuid, r public.rank",
    "enums": "team_id uuid, rs public.rank[]",
    "ids": "team_ids uuid[]",
    "domain": "team_id uuid, s public.slug",
    "composite": "p public.pair",
    "composites": "ps public.pair[]",
    "range": "team_id uuid, during tstzrange",
    "time": "team_id uuid, at time, every interval",
    "app": "p_app_id uuid",
    "plain": "p_id uuid",
}
FOUND = {
    "ids": "t.id = any (team_ids)",
    "composite": "t.id = (p).team",
    "app": "exists (select from public.apps a where a.id = p_app_id and a.owner_id = t.owner_id)",
    "plain": "t.id = p_id",
    "composites": "t.id in (select x.team from unnest(ps) x)",
}
CLOSED = """
create function public.closed(team_id uuid) returns void language plpgsql security definer set search_path = '' as
  $$ begin raise exception 'not yours' using errcode = '22023'; end $$;
create function public.broken(team_id uuid) returns void language plpgsql security definer set search_path = '' as
  $$ begin perform 1 / 0; end $$;
create function public.unread(team_id uuid, w public.never) returns void language sql security definer as $$ select $$;
"""


def _function(name: str) -> str:
    return (
        f"create function public.by_{name}({ARGUMENTS[name]}) returns setof public.teams language sql security definer"  # noqa: S608 - constants of this test
        f" set search_path = '' as $$ select t.* from public.teams t where {FOUND.get(name, 't.id = team_id')} $$;"
    )


@pytest.fixture(scope="module")
def states() -> Iterator[dict[str, set[str]]]:
    text = "\n".join([TYPES, *map(_function, ARGUMENTS), CLOSED])
    with support.shadow(text) as database:
        assert support.failed(database) == []
        called = probe(database).functions
        yield {f.identity.partition("(")[0]: {a.state for a in f.attempts if a.caller == "stranger"} for f in called}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_function_with_such_an_argument_is_called(name: str, states: dict[str, set[str]]) -> None:
    assert states[f"public.by_{name}"] == {"allowed"}


def test_a_refusal_is_no_error_and_an_argument_that_was_refused_says_nothing(states: dict[str, set[str]]) -> None:
    assert states["public.closed"] == {"denied"}
    assert states["public.broken"] == {"error"}
    assert states["public.unread"] == {"unknown"}
