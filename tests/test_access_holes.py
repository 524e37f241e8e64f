"""What a proved hole is worth: what a policy opens by its words, and whose rows they are."""

from __future__ import annotations

import pytest

from auditor.detectors.probe import cross_tenant_read
from auditor.facts.ownership import find_owned
from auditor.model import Severity, State
from auditor.sources import probes
from tests import shadow_support as support

SHARED = """
create table public.tips (id uuid primary key, user_id uuid not null references auth.users, body text);
alter table public.tips enable row level security;
"""
OPEN = "create policy everybody on public.tips for select {};"


@pytest.mark.parametrize("clause", ["to authenticated using (true)", "using (auth.role() = 'authenticated')"])
def test_a_policy_that_names_the_role_is_graded_alike_however_it_does(clause: str) -> None:
    with support.shadow(SHARED + OPEN.format(clause)) as database:
        (answer,) = cross_tenant_read.ask(database, probes.probe(database))
    assert (answer.state, answer.severity) == (State.FAIL, Severity.LOW)
    assert "policy 'everybody' opens it to everybody" in answer.detail


@pytest.mark.parametrize("clause", ["user_id = auth.uid() or body is distinct from 'x'", "auth.uid() is not null"])
def test_a_hole_in_a_condition_is_no_decision(clause: str) -> None:
    with support.shadow(SHARED + OPEN.format(f"using ({clause})")) as database:
        (answer,) = cross_tenant_read.ask(database, probes.probe(database))
    assert (answer.state, answer.severity) == (State.FAIL, None)


BOARDS = """
create table public.teams (id uuid primary key, owner_id uuid not null references auth.users);
create table public.boards (id uuid primary key, user_id uuid not null references auth.users, body text);
create table public.board_shares (board_id uuid primary key references public.boards);
create table public.cards (
  id uuid primary key, user_id uuid not null references auth.users, board_id uuid not null references public.boards,
  share_id uuid references public.board_shares);
alter table public.boards enable row level security;
alter table public.cards enable row level security;
alter table public.board_shares enable row level security;
create policy shares on public.board_shares for select to anon using (true);
create policy listed on public.boards for select to anon using ({boards});
create policy cards on public.cards for select to anon using ({cards});
"""
LISTED = "board_id in (select s.board_id from public.board_shares s)"
BY_KEY = "share_id in (select s.board_id from public.board_shares s)"


@pytest.mark.parametrize("cards", [BY_KEY, f"{LISTED} or user_id is distinct from auth.uid()"])
def test_a_list_to_which_every_row_belongs_publishes_nothing(cards: str) -> None:
    boards = "id in (select s.board_id from public.board_shares s)"
    with support.shadow(BOARDS.format(boards=boards, cards=cards)) as database:
        answers = {a.subject: a for a in cross_tenant_read.ask(database, probes.probe(database))}
    assert answers["table public.boards"].severity is Severity.LOW
    assert "once board_shares lists it" in answers["table public.boards"].detail
    assert answers["table public.cards"].severity is None


PEOPLE = """
create table public.users (id uuid primary key, email text);
create table public.crates (id uuid primary key, title text);
create table public.crate_members (
  crate_id uuid not null references public.crates, user_id uuid not null references public.users,
  added_by uuid references public.users, primary key (crate_id, user_id));
create table public.files (id uuid primary key, created_by uuid not null references public.users);
create table public.records (id uuid primary key, crate_id uuid not null references public.crates);
"""


def test_a_table_of_users_is_no_tenant_of_what_they_made() -> None:
    with support.shadow(PEOPLE) as database:
        owned = {database.schema.tables[oid].name: found for oid, found in find_owned(database.schema).items()}
    assert "users" not in owned
    assert (owned["files"].users, owned["files"].tenant) == (("created_by",), None)
    assert owned["records"].tenant == "crate_id", "what members lead to by another column is one"
