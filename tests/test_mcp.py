"""The MCP server, asked by the protocol's own client over stdin and stdout."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import psycopg
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from auditor.model import Unavailable, UsageError
from auditor.sources.cluster import SUPERUSER
from auditor.sources.querying import checked, query_live
from tests.shadow_support import shadow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

FIXTURES = Path(__file__).parents[1] / "fixtures"


@asynccontextmanager
async def _client(root: Path, *options: str) -> AsyncIterator[ClientSession]:
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "auditor", "mcp", str(root), *options], env=dict(os.environ)
    )
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        yield session


def _with(root: Path, ask: Callable[[ClientSession], Awaitable[Any]], *options: str) -> Any:  # noqa: ANN401
    async def run() -> Any:  # noqa: ANN401 - the test's own answer
        async with _client(root, *options) as session:
            return await ask(session)

    return anyio.run(run)


async def _text(session: ClientSession, tool: str, **arguments: Any) -> str:  # noqa: ANN401 - a tool's arguments
    result = await session.call_tool(tool, arguments)
    text = "".join(part.text for part in result.content if part.type == "text")
    return f"refused: {text}" if result.isError else text


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """One conversation about the leaky backend."""

    async def talk(session: ClientSession) -> dict[str, Any]:
        told: dict[str, Any] = {"tools": [tool.name for tool in (await session.list_tools()).tools]}
        told["scan"] = json.loads(await _text(session, "scan", only=["rls-disabled"], severity="high"))
        told["page"] = await _text(session, "explain", name="rls-disabled")
        told["finding"] = await _text(session, "explain", name=told["scan"]["findings"][0]["fingerprint"])
        told["nobody"] = await _text(session, "explain", name="no-such-thing")
        routes = await session.call_tool("routes", {"unauthenticated": True})
        told["routes"] = (routes.structuredContent or {})["result"]
        access = await session.call_tool("access", {"table": "api_keys"})
        told["access"] = (access.structuredContent or {})["result"]
        told["query"] = json.loads(await _text(session, "query", sql="select count(*) as n from pg_policies"))
        told["twice"] = await _text(session, "query", sql="select 1; drop table public.notes")
        told["write"] = await _text(session, "query", sql="with x as (delete from public.notes returning 1) select 1")
        told["denied"] = await _text(session, "query", sql="select set_config('role', 'postgres', false)")
        told["files"] = await _text(session, "query", sql="select pg_read_file('/etc/passwd')")
        told["slow"] = await _text(session, "query", sql="select pg_sleep(60)")
        told["many"] = json.loads(await _text(session, "query", sql="select generate_series(1, 10)", limit=3))
        told["outside"] = await _text(session, "scan", path="../sound")
        return told

    return dict(_with(FIXTURES / "leaky", talk))


def test_all_tools_are_listed(answers: dict[str, Any]) -> None:
    assert answers["tools"] == ["scan", "explain", "routes", "access", "query"]


def test_a_scan_gives_findings_with_their_places(answers: dict[str, Any]) -> None:
    found = answers["scan"]["findings"]
    assert found
    assert all(item["rule"] == "rls-disabled" and item["location"]["path"].endswith(".sql") for item in found)
    assert answers["scan"]["score"]["grade"] is None, "a partial scan is not graded"


def test_rules_and_findings_are_explained(answers: dict[str, Any]) -> None:
    assert answers["page"].startswith("#")
    assert answers["scan"]["findings"][0]["subject"] in answers["finding"]
    assert answers["nobody"].startswith("refused: ")


def test_endpoints_and_access_are_told(answers: dict[str, Any]) -> None:
    assert answers["routes"]
    assert {row["auth"]["state"] for row in answers["routes"]} == {"absent", "unresolved"}
    assert {"Hono", "PostgREST"} <= {row["framework"] for row in answers["routes"]}
    assert answers["access"]
    assert all("api_keys" in row["object"] and "proof" not in row for row in answers["access"])


def test_one_select_is_answered_and_nothing_else(answers: dict[str, Any]) -> None:
    assert answers["query"]["columns"] == ["n"]
    assert answers["query"]["rows"][0][0] > 0
    for name in ("twice", "write", "files", "slow", "denied", "outside"):
        assert answers[name].startswith("refused: "), answers[name]
    assert answers["many"] == {"columns": ["generate_series"], "rows": [[1], [2], [3]], "more": True}


@pytest.mark.parametrize(
    "statement",
    [
        "insert into t values (1)", "select 1 into t", "select * from t for update", "begin", "copy t to '/tmp/x'",
        "select 1; select 2", "explain analyze delete from t", "do $$ begin end $$", "", "select (",
        "with d as (update t set a = 1 returning a) select * from d", "call f()", "set role postgres",
    ],
)  # fmt: skip
def test_what_is_no_reading_select_is_refused(statement: str) -> None:
    with pytest.raises(UsageError):
        checked(statement)


@pytest.mark.parametrize("statement", ["select 1;", "with a as (select 1) select * from a", "values (1)", "table t"])
def test_what_reads_is_let_through(statement: str) -> None:
    assert checked(statement) == statement.rstrip(";")


def test_the_replay_follows_the_migrations(tmp_path: Path) -> None:
    root = tmp_path / "app"
    shutil.copytree(FIXTURES / "sound", root)

    async def talk(session: ClientSession) -> list[str]:
        sql = "select count(*) from pg_tables where tablename = 'added_since'"
        before = await _text(session, "query", sql=sql)
        migration = root / "supabase/migrations/29990101000000_more.sql"
        migration.write_text("create table public.added_since (id int);\n", "utf-8")
        return [before, await _text(session, "query", sql=sql)]

    before, after = (json.loads(text)["rows"][0][0] for text in _with(root, talk))
    assert (before, after) == (0, 1)


@pytest.fixture(scope="module")
def live() -> Iterator[str]:
    """The socket folder of a server that plays the live one, with a role for each case."""
    with shadow("create table public.notes (id int, body text); insert into public.notes values (1, 'seen');") as made:
        assert made.cluster
        with made.cluster.superuser() as session:
            for statement in (
                "create role watcher login", "grant usage on schema public to watcher",
                "grant select, insert, delete on public.notes to watcher", "create role plumber login",
                "grant pg_read_server_files to plumber", "create role mover login replication",
            ):  # fmt: skip
                session.execute(statement.encode())
        yield str(made.cluster.folder / "s")


def _url(live: str, role: str) -> str:
    return f"postgresql://{role}:hunter2@/postgres?host={live}"


def test_a_live_server_is_asked_as_a_role_that_may_only_read(live: str) -> None:
    found = query_live(_url(live, "watcher"), "select body from public.notes", 10)
    assert found == {"columns": ["body"], "rows": [["seen"]], "more": False}


@pytest.mark.parametrize(
    ("role", "reason"),
    [(SUPERUSER, "is a superuser"), ("plumber", "pg_read_server_files"), ("mover", "replicate")],
)
def test_a_role_that_may_do_more_is_refused(live: str, role: str, reason: str) -> None:
    with pytest.raises(Unavailable, match=reason):
        query_live(_url(live, role), "select 1", 10)


def test_a_function_that_writes_is_stopped_by_the_transaction(live: str) -> None:
    with psycopg.connect(_url(live, SUPERUSER), autocommit=True) as session:
        session.execute(
            "create or replace function public.wipe() returns int language sql security definer"
            " as 'delete from public.notes returning id'"
        )
    with pytest.raises(UsageError, match="read-only transaction"):
        query_live(_url(live, "watcher"), "select public.wipe()", 10)
    assert query_live(_url(live, "watcher"), "select count(*) from public.notes", 1)["rows"] == [[1]]


def test_the_password_of_a_live_server_is_not_told() -> None:
    with pytest.raises(Unavailable) as error:
        query_live("postgresql://watcher:hunter2@/postgres?host=/nowhere", "select 1", 10)
    assert "hunter2" not in str(error.value)
