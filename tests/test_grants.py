"""Default grants: what is followed through the history's own statements is what the server ends up with."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from auditor.facts.default_grants import exposed_under
from auditor.facts.histories import History
from auditor.sources.binaries import find_binaries
from auditor.sources.shadow import build_shadow

HISTORY = {
    "m/1.sql": """
create table public.plain (id int primary key);
create table public.granted (id int primary key);
grant select on public.granted to anon;
create schema api;
create table api.inner_one (id int primary key);
grant usage on schema api to anon;
grant all on all tables in schema api to authenticated;
""",
    "m/2.sql": """
alter default privileges in schema public revoke all on tables from anon, authenticated;
create table public.after_revoke (id int primary key);
alter default privileges in schema public grant select on tables to authenticated;
create table public.after_grant (id int primary key);
revoke all on public.granted from anon, authenticated;
create table public.columns_only (id int primary key, note text);
revoke all on public.columns_only from authenticated;
grant select (note) on public.columns_only to anon;
grant truncate on public.after_revoke to anon;
""",
}


@pytest.mark.parametrize("grants", ["legacy", "explicit"])
def test_both_regimes_are_followed_as_the_server_does(grants: str) -> None:
    config = '[api]\nschemas = ["public", "api"]\n'
    with ExitStack() as stack:
        history = History("supabase", "m", ".", HISTORY, (), supabase=True)
        database = build_shadow(history, find_binaries(None), config, stack, grants=grants)
        real = {f"{table.schema}.{table.name}" for table in database.schema.exposed if table.schema == "public"}
        assert database.replay
        assert database.provenance
        born: dict[int, list[str]] = {}
        for table in database.schema.tables.values():
            made = database.provenance.born_in(table.identity)
            assert made
            born.setdefault(made.number, []).append(f"{table.schema}.{table.name}")
        roles = ("anon", "authenticated")
        followed = exposed_under(database.replay.statements, born, roles, legacy=grants == "legacy")
    assert {name for name in followed if name.startswith("public.")} == real
    assert "public.plain" in real if grants == "legacy" else "public.plain" not in real
    assert database.exposure.reason == f"--grants {grants}"
