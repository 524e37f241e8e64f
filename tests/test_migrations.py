"""What the migration rules know beyond one file: what is applied, who runs it, and which locks were seen."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from auditor.detectors.ask import ask_database
from auditor.facts.enums import EnumHistory
from auditor.facts.histories import History
from auditor.facts.locks import Trace
from auditor.facts.statements import split_statements
from auditor.model import Confidence, Severity, State
from auditor.rulebook import load_rulebook
from auditor.sources.binaries import find_binaries
from auditor.sources.shadow import build_shadow
from tests.running import committed, run
from tests.shadow_support import SERVERS, failed, shadow

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.facts.histories import Layout
    from auditor.model import Answer
    from auditor.sources.database import Database

PAGES = {page.id: page for page in load_rulebook().pages}
TABLE = "create table public.t (id int primary key, a int, kind text);"
INDEX = "create index t_a on public.t (a);"


def _found(database: Database, rule: str) -> list[Answer]:
    return [a for a in ask_database(PAGES[rule], database) if a.state is State.FAIL]


def _refused(layout: Layout, text: str, *, unwrapped: bool = False) -> list[Answer]:
    """What migration-concurrent-in-transaction says of a second file of a history of this layout."""
    files = {"migrations/1.sql": TABLE, "migrations/2.sql": text}
    apart = frozenset({"migrations/2.sql"} if unwrapped else ())
    history = History(layout, "migrations", ".", files, (), supabase=False, unwrapped=apart)
    with ExitStack() as stack:
        database = build_shadow(history, find_binaries(None), None, stack)
        return _found(database, "migration-concurrent-in-transaction")


CONCURRENTLY = "create index concurrently t_a on public.t (a);"
AND_MORE = f"{CONCURRENTLY}\ncreate table public.u (id int);"


@pytest.mark.parametrize(
    ("layout", "text", "found"),
    [
        ("prisma", CONCURRENTLY, False),
        ("prisma", AND_MORE, True),
        ("flyway", CONCURRENTLY, False),
        ("flyway", AND_MORE, True),
        ("drizzle", CONCURRENTLY, True),
        ("goose", CONCURRENTLY, True),
        ("dbmate", CONCURRENTLY, True),
        ("sql", AND_MORE, False),
        ("sql", f"begin;\n{CONCURRENTLY}\ncommit;", True),
        ("sqitch", f"begin;\nselect 1;\ncommit;\n{CONCURRENTLY}", False),
        ("prisma", "set transaction isolation level repeatable read;\nselect 1;", False),
    ],
)
def test_who_opens_a_transaction(layout: Layout, text: str, *, found: bool) -> None:
    answers = _refused(layout, text)
    assert bool(answers) is found
    assert all(a.confidence is Confidence.PROVED and a.proof for a in answers)


def test_a_file_that_asks_for_no_transaction_gets_none() -> None:
    assert _refused("goose", CONCURRENTLY, unwrapped=True) == []


def test_what_is_applied_is_only_named() -> None:
    with shadow({"1_a.sql": TABLE, "2_b.sql": INDEX}) as database:
        (new,) = _found(database, "migration-blocking-index")
        assert new.severity is None
        assert new.subject == "migration supabase/migrations/2_b.sql: index t_a"
        database.applied = frozenset(database.history.files if database.history else ())
        (applied,) = _found(database, "migration-blocking-index")
        assert applied.severity is Severity.INFO


def test_a_table_that_is_not_applied_either_holds_no_rows() -> None:
    with shadow({"1_a.sql": "create table public.z (id int);", "2_b.sql": TABLE, "3_c.sql": INDEX}) as database:
        assert _found(database, "migration-blocking-index")
        database.applied = frozenset({"supabase/migrations/1_a.sql"})
        assert not _found(database, "migration-blocking-index")
        database.applied = frozenset({"supabase/migrations/1_a.sql", "supabase/migrations/2_b.sql"})
        assert _found(database, "migration-blocking-index")


def test_a_declarative_schema_is_no_migration() -> None:
    history = History("schema", "sql", ".", {"sql/1.sql": TABLE, "sql/2.sql": INDEX}, (), supabase=False)
    with ExitStack() as stack:
        database = build_shadow(history, find_binaries(None), None, stack)
        assert list(ask_database(PAGES["migration-blocking-index"], database)) == []


def test_nobody_promised_that_a_loose_file_runs_on_an_empty_server() -> None:
    text = "create table a (id int primary key);\nalter table made_by_hand enable row level security;\ncreat table b;"
    cases: list[tuple[Layout, set[str | None]]] = [("schema", {"low", None}), ("sql", {None})]
    for layout, ranks in cases:
        with ExitStack() as stack:
            found = History(layout, "db", ".", {"db/1_all.sql": text}, (), supabase=False)
            database = build_shadow(found, find_binaries(None), None, stack)
            answers = _found(database, "migration-replay-failure")
        assert {answer.severity and answer.severity.value for answer in answers} == ranks


@pytest.mark.parametrize("server", SERVERS)
def test_locks_are_read_from_the_server(server: str | None) -> None:
    second = f"""{INDEX}
alter table t alter column a type bigint;
alter table t alter column kind type varchar(9);
alter table t add constraint positive check (a > 0);
create table other (id int);
create index other_id on other (id);
"""
    third = "alter table public.t add constraint f foreign key (id) references public.other_key (id);"
    files = {
        "1_a.sql": TABLE + "create table public.other_key (id int primary key);",
        "2_b.sql": second,
        "3_c.sql": third,
    }
    with shadow(files, server) as database:
        assert database.replay
        assert failed(database) == []
        traces = {s.text.split("\n")[0]: database.replay.traces.get(s.number) for s in database.replay.statements}
    assert traces[INDEX.rstrip(";")] == Trace('"public"."t"', "ShareLock")
    assert traces["alter table t alter column a type bigint"] == Trace('"t"', "AccessExclusiveLock", rewritten=True)
    assert traces["create index other_id on other (id)"] is None
    assert traces[third.rstrip(";")] == Trace('"public"."t"', "ShareRowExclusiveLock")


def test_a_history_cannot_make_up_a_lock_nor_break_the_replay() -> None:
    hostile = """create schema evil;
create function evil.nothing(oid, oid) returns boolean language sql as 'select false';
create operator evil.= (leftarg = oid, rightarg = oid, function = evil.nothing);
create table evil.pg_locks (relation oid, mode text, pid int, granted boolean);
create function evil.to_regclass(text) returns regclass language sql as 'select null::regclass';
set search_path = evil, pg_catalog, public;
deallocate all;
"""
    with shadow({"1_a.sql": TABLE, "2_b.sql": hostile + INDEX}) as database:
        assert failed(database) == []
        (found,) = _found(database, "migration-blocking-index")
    assert found.proof
    assert found.proof.seen == "ShareLock on public.t"
    assert found.confidence is Confidence.PROVED


def test_identical_statements_have_a_line_each() -> None:
    assert [s.line for s in split_statements("a.sql", "begin;\nbegin;\n\nbegin;")] == [1, 2, 4]


def test_an_enum_is_followed_through_its_names() -> None:
    known = EnumHistory()
    text = """create type a as enum ('x', 'y'); alter type a add value 'z'; alter type a rename value 'x' to 'w';
alter type a rename to b; create type s.a as enum ('q'); drop type s.a;"""
    for statement in split_statements("a.sql", text):
        known.apply(statement)
    assert known.values == {"public.b": ["w", "y", "z"]}


def test_a_session_that_lets_nothing_be_read_is_replayed_without_looking() -> None:
    files = {
        "1_a.sql": TABLE + 'create table public."t€" (id int);',
        "2_b.sql": f"set role anon; create index on public.t (a); reset role; {INDEX}",
        "3_c.sql": """create index euro on public."t€" (id); set client_encoding = 'latin1';""",
        "4_d.sql": "create index after on public.t (a);",
    }
    with shadow(files) as database:
        assert failed(database) == ["index_stmt: 42501 must be owner of table t"]
        found = {a.subject.rsplit(" ", 1)[1]: a.confidence for a in _found(database, "migration-blocking-index")}
    assert found == {"t_a": Confidence.PROVED, "euro": None, "after": None}


def test_all_migrations_are_new_when_the_user_says_so(tmp_path: Path) -> None:
    root = committed(tmp_path / "app", {"migrations/1.sql": TABLE, "migrations/2.sql": INDEX})
    found = {}
    for option in ("-q", "--all-migrations"):
        out = tmp_path / "report.json"
        run("scan", root, "--only", "migration-blocking-index", "-o", f"json={out}", option)
        found[option] = [finding["severity"] for finding in json.loads(out.read_text())["findings"]]
    assert found == {"-q": ["info"], "--all-migrations": ["medium"]}
