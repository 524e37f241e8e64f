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
