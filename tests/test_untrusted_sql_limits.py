"""A hostile history may not take more time, disk or memory than it is given, and costs nobody else's statements."""

from __future__ import annotations

import resource
import sys
import time

import pytest

from auditor.model import Unavailable
from tests import shadow_support as support

LAST = "create table public.made_last (id int primary key);"
STATEMENT_SECONDS = 0.3
SLOW = {
    "sleep": "select pg_sleep(600)",
    "sleep without a timeout": "set statement_timeout = 0; do $$ begin perform pg_sleep(600); end $$",
    "endless loop": "do $$ begin loop end loop; end $$",
    "billion rows kept": "create table public.billion as select generate_series(1, 1000000000) i",
    "billion rows sorted": "create table public.s as select random() from generate_series(1, 1000000000) order by 1",
    "at plan time": """create function public.late() returns int language plpgsql immutable as
        $f$ begin perform pg_sleep(600); return 1; end $f$; create table public.planned as select public.late() i""",
}
CATCHES = """
do $$ begin
  loop
    begin perform pg_sleep(600); exception when query_canceled then null; end;
  end loop;
end $$;
"""
BOMBS = {
    "recursion": """create function public.deep(i int) returns int language plpgsql as
        'begin return public.deep(i + 1); end'; select public.deep(1)""",
    "one row of a gigabyte": "select repeat('x', 1000000000)",
    "memory": "select array_agg(repeat('x', 1000) || i) from generate_series(1, 100000000) i",
}
FLOODS = {
    "rows": "select repeat('x', 1000) from generate_series(1, 10000) a, generate_series(1, 100000) b",
    "rows of an insert": """insert into public.t
        select i, repeat('x', 1000) from generate_series(1, 100000) i returning *""",
    "rows of a rule": """create rule r as on update to public.t do also
        select repeat('x', 1000) from generate_series(1, 100000); update public.t set i = 1 where false""",
    "notices": """set client_min_messages = notice; do $$ begin
        for i in 1..10000 loop raise notice '%', repeat('a', 10000); end loop; end $$""",
    "notifications": """listen flood; commit; do $$ begin
        for i in 1..12000 loop perform pg_notify('flood', repeat('a', 7000) || i); end loop;
        end $$; commit; select 1""",
}
SERVERS = pytest.mark.parametrize("server", support.SERVERS)


def _megabytes() -> int:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used // (1 << 20 if sys.platform == "darwin" else 1 << 10)


# First, because the measure is the most memory that this process ever had.
@SERVERS
def test_floods_do_not_fill_our_memory(server: str | None) -> None:
    before = _megabytes()
    files = {"0_a.sql": "create table public.t (i int, t text);"}
    files |= {f"{n}_b.sql": f"{text};" for n, text in enumerate(FLOODS.values(), 1)}
    with support.shadow(files | {"9_z.sql": LAST}, server, statement_seconds=5) as database:
        assert "made_last" in [table.name for table in database.schema.tables.values()]
        assert [line.split()[-4:] for line in support.failed(database)] == [["returns", "too", "many", "rows"]]
    assert _megabytes() - before < 50


@SERVERS
def test_what_does_not_end_costs_only_itself(server: str | None) -> None:
    files = {f"{n}_a.sql": f"{text};" for n, text in enumerate(SLOW.values())}
    started = time.monotonic()
    with support.shadow(files | {"9_z.sql": LAST}, server, statement_seconds=STATEMENT_SECONDS) as database:
        assert time.monotonic() - started < 20
        assert [table.name for table in database.schema.tables.values()] == ["made_last"]
        # Cancelled, not refused for a mistake of this test; a sort is stopped by the limit on temporary files.
        states = [line.split()[1] for line in support.failed(database)]
        assert len(states) == len(SLOW)
        assert set(states) <= {"57014", "53400"}


@SERVERS
def test_what_catches_its_cancellation_loses_its_session(server: str | None) -> None:
    files = {"1_a.sql": CATCHES, "2_b.sql": LAST}
    started = time.monotonic()
    with support.shadow(files, server, statement_seconds=STATEMENT_SECONDS) as database:
        assert time.monotonic() - started < 15
        assert [table.name for table in database.schema.tables.values()] == ["made_last"]
        assert "57P01" in support.failed(database)[0]
        active = "select pid from pg_stat_activity where usename = 'postgres'"
        assert support.column(database, active) == []


@SERVERS
def test_bombs_cost_their_own_statement(server: str | None) -> None:
    before = _megabytes()
    files = {f"{n}_a.sql": f"{text};" for n, text in enumerate(BOMBS.values())}
    with support.shadow(files | {"9_z.sql": LAST}, server, statement_seconds=1) as database:
        assert [table.name for table in database.schema.tables.values()] == ["made_last"]
        assert len(support.failed(database)) == len(BOMBS)
    assert _megabytes() - before < 1500


@SERVERS
def test_a_filled_disk_ends_the_replay(server: str | None) -> None:
    fills = "create table public.t as select repeat(md5(i::text), 50) t from generate_series(1, 100000000) i;"
    with (
        pytest.raises(Unavailable, match="grew over 120 MB"),
        support.shadow(fills, server, max_bytes=120_000_000) as database,
    ):
        pytest.fail(str(support.failed(database)))


@SERVERS
def test_the_whole_has_a_limit_too(server: str | None) -> None:
    endless = "select pg_sleep(0.2);\n" * 1000
    started = time.monotonic()
    with pytest.raises(Unavailable, match="stopped after 2 s"), support.shadow(endless, server, seconds=2) as database:
        pytest.fail(str(support.failed(database)))
    assert time.monotonic() - started < 12


@SERVERS
def test_nothing_is_left_of_transactions_that_were_prepared_or_kept_open(server: str | None) -> None:
    kept = """
    create table public.t (i int);
    begin; lock table public.t in access exclusive mode; prepare transaction 'kept';
    begin; lock table public.t in access exclusive mode; select pg_advisory_lock(1);
    create temp table pg_class (relname text);
    do $$ begin execute 'prepare transaction ''hidden'''; exception when others then null; end $$;
    """
    with support.shadow(kept, server) as database:
        assert support.column(database, "select gid from pg_prepared_xacts") == []
        held = "select locktype from pg_locks where pid <> pg_backend_pid()"
        assert support.column(database, held) == []
        assert [table.name for table in database.schema.tables.values()] == ["t"]
