"""What PostgREST and Realtime serve stands in the table of endpoints, with the controls that acting on it has shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from auditor.data_api import data_api_rows
from auditor.sources.data_api import read_data_api
from auditor.sources.probes import probe
from tests.running import run, write
from tests.shadow_support import shadow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditor.listed import EndpointRow

SCHEMA = """
create table public.notes (
  id bigint generated always as identity primary key, user_id uuid not null references auth.users (id), body text);
alter table public.notes enable row level security;
create policy own on public.notes to authenticated using (user_id = auth.uid()) with check (user_id = auth.uid());
create policy everybody_reads on public.notes for select to authenticated using (true);
create table public.open (id int primary key, body text);
create table public.hidden (id int primary key);
revoke all on public.hidden from anon, authenticated;
create table public.anon_only_reads (id int primary key);
revoke insert, update, delete, truncate on public.anon_only_reads from anon;
create view public.titles with (security_invoker) as select n.body, o.id from public.notes n, public.open o;
create function public.peek() returns bigint language sql security definer as 'select count(*) from public.notes';
create function public.mine() returns uuid language sql security definer as 'select auth.uid()';
create function public.plain() returns int language sql as 'select 1';
create function public.kept() returns int language sql security definer as 'select 1';
revoke execute on function public.kept() from public, anon;
create function public.fires() returns trigger language plpgsql as 'begin return new; end';
alter publication supabase_realtime add table public.open;
"""


@pytest.fixture(scope="module")
def rows() -> Iterator[dict[tuple[str, str], EndpointRow]]:
    with shadow(SCHEMA) as database:
        found = data_api_rows([database], {database.name: probe(database)})
        yield {(row.method, row.path): row for row in found}


Rows = dict[tuple[str, str], "EndpointRow"]


def test_every_command_that_somebody_may_give(rows: Rows) -> None:
    listed = {path: {m for m, p in rows if p == path} for _, path in rows}
    every = {"GET", "POST", "PATCH", "DELETE"}
    assert listed.pop("/rest/v1/titles") == {"GET"}, "a join takes no writes"
    assert listed == {
        "/rest/v1/notes": every, "/rest/v1/open": every, "/rest/v1/anon_only_reads": every,
        "/rest/v1/rpc/peek": {"POST"}, "/rest/v1/rpc/mine": {"POST"}, "/rest/v1/rpc/plain": {"POST"},
        "/rest/v1/rpc/kept": {"POST"}, "realtime:postgres_changes:public.open": {"WS"},
    }  # fmt: skip


def test_authentication_is_what_anon_could_do(rows: Rows) -> None:
    states = {
        key: rows[key].controls["auth"].presence.value
        for key in [
            ("GET", "/rest/v1/notes"), ("GET", "/rest/v1/open"), ("GET", "/rest/v1/anon_only_reads"),
            ("POST", "/rest/v1/anon_only_reads"), ("POST", "/rest/v1/rpc/peek"), ("POST", "/rest/v1/rpc/mine"),
            ("POST", "/rest/v1/rpc/plain"), ("POST", "/rest/v1/rpc/kept"),
            ("WS", "realtime:postgres_changes:public.open"),
        ]
    }  # fmt: skip
    assert list(states.values()) == [
        "present", "absent", "absent", "present", "absent", "unresolved", "not_applicable", "present", "absent",
    ]  # fmt: skip


def test_ownership_is_what_others_could_do(rows: Rows) -> None:
    assert rows["GET", "/rest/v1/notes"].controls["ownership"].presence.value == "absent"
    assert rows["PATCH", "/rest/v1/notes"].controls["ownership"].presence.value == "present"
    assert rows["GET", "/rest/v1/open"].controls["ownership"].presence.value == "not_applicable", "nobody owns a row"


def test_rows_say_where_the_object_is_made_and_what_they_reach(rows: Rows) -> None:
    notes = rows["PATCH", "/rest/v1/notes"]
    assert notes.where
    assert (notes.where.path, notes.where.line) == ("supabase/migrations/1_a.sql", 2)
    assert (notes.data.writes, notes.data.reads, notes.data.clients) == (("public.notes",), (), ("caller",))
    assert [each.source for each in notes.inputs] == ["query", "json"]


def test_without_attempts_the_catalog_speaks_and_knows_less() -> None:
    with shadow(SCHEMA) as database:
        found = {(row.method, row.path): row for row in data_api_rows([database], {})}
    assert found["GET", "/rest/v1/open"].controls["auth"].presence.value == "absent"
    assert found["GET", "/rest/v1/notes"].controls["auth"].presence.value == "present"
    assert found["GET", "/rest/v1/notes"].controls["ownership"].presence.value == "absent"
    assert found["PATCH", "/rest/v1/notes"].controls["ownership"].presence.value == "unresolved"


def test_a_server_that_lets_more_through_than_its_migrations_is_not_hidden_by_them() -> None:
    loose = f"{SCHEMA} alter table public.notes disable row level security; create table public.late (id int);"
    with shadow(SCHEMA) as replay, shadow(loose) as server:
        server.name, server.unit, server.source = "server", "elsewhere", "live"
        server.counterpart, server.provenance = replay, None
        rows = data_api_rows([server, replay], {replay.name: probe(replay)})
    found = {(row.method, row.path): row for row in rows}
    assert len(found) == len(rows), "one row for both"
    notes = found["PATCH", "/rest/v1/notes"]
    assert (notes.controls["auth"].presence.value, notes.where is not None) == ("absent", True)
    assert found["GET", "/rest/v1/open"].controls["ownership"].presence.value == "absent"
    assert found["GET", "/rest/v1/late"].where is None


def test_a_function_before_each_request_may_limit() -> None:
    text = "create function public.check_it() returns void language sql as 'select'; create table public.a (id int);"
    with shadow(f"{text} alter role authenticator set pgrst.db_pre_request = 'public.check_it';") as database:
        assert read_data_api(database).pre_request == "public.check_it"
        found = data_api_rows([database], {})
    assert {row.controls["rate_limit"].presence.value for row in found if row.method == "GET"} == {"unresolved"}


CHANNELS = """
import { createClient } from "@supabase/supabase-js"
const supabase = createClient(url, key)
export function listen(room: string) {
  supabase
    .channel(`room:${room}`)
    .on("broadcast", { event: "said" }, show)
    .subscribe()
  const kept = supabase.channel("kept", { config: { private: true } })
  kept.on("presence", { event: "sync" }, show).subscribe()
  supabase.channel("rows").on("postgres_changes", { event: "*", schema: "public", table: "notes" }, show).subscribe()
  const passed = supabase.channel("passed", options)
  passed.send({ type: "broadcast", event: "x" })
  client.channel("of something else").consume()
}
"""


def _routes(folder: Path, *options: str) -> list[dict[str, Any]]:
    found = run("routes", folder, "--format", "json", *options)
    assert found.code == 0
    listed: list[dict[str, Any]] = json.loads(found.out)
    return listed


def test_channels_that_code_joins(tmp_path: Path) -> None:
    write(tmp_path, {"src/live.ts": CHANNELS, "src/live.test.ts": CHANNELS.replace("kept", "tested")})
    found = {row["path"]: row for row in _routes(tmp_path)}
    assert {path: row["auth"]["state"] for path, row in found.items()} == {
        "realtime:room::value": "absent", "realtime:kept": "present", "realtime:rows": "not_applicable",
        "realtime:passed": "unresolved",
    }  # fmt: skip
    assert found["realtime:room::value"]["location"] == {"path": "src/live.ts", "line": 6, "end_line": None}
    assert {row["framework"] for row in found.values()} == {"Supabase Realtime"}


def test_the_command_lists_both_and_the_rules_on_routes_count_neither(tmp_path: Path) -> None:
    files = {"supabase/migrations/1_a.sql": SCHEMA, "src/live.ts": CHANNELS}
    write(tmp_path, files | {"package.json": '{"dependencies": {"hono": "4"}}'})
    frameworks = [row["framework"] for row in _routes(tmp_path)]
    assert (frameworks.count("PostgREST"), frameworks.count("Supabase Realtime")) == (17, 5)
    assert not [row for row in _routes(tmp_path, "--no-shadow") if row["framework"] == "PostgREST"]
    report = tmp_path / "r.json"
    run("scan", tmp_path, "--offline", "--no-history", "-o", f"json={report}", "-q")
    told = json.loads(report.read_text("utf-8"))
    assert sorted(row["framework"] for row in told["endpoints"]) == sorted(frameworks)
    asked = {rule["id"]: rule for rule in told["rules"]}
    assert not [f for f in told["findings"] if f["subject"].startswith("endpoint WS")]
    assert asked["endpoint-without-auth"]["outcome"] == "not_applicable"


def test_a_replay_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    write(tmp_path, {"supabase/migrations/1_a.sql": SCHEMA, "supabase/config.toml": 'project_id = "a"'})
    found = run("routes", tmp_path, "--pg-bin", tmp_path / "none")
    assert "not listed" in found.err
