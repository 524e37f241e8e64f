"""A live server: read in one read-only transaction, joined with the replay, drift named."""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from auditor.audit import Request, audit
from auditor.facts.histories import History
from auditor.model import Target, Unavailable
from auditor.render import html, json_report, sarif
from auditor.rulebook import load_rulebook
from auditor.sources.binaries import find_binaries
from auditor.sources.live import connect_live
from auditor.sources.shadow import build_shadow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditor.report import Report

MIGRATION = """create table public.notes (id uuid primary key, user_id uuid references auth.users);
create table public.tags (id int primary key);
create table public.gone (id int primary key);
"""
BOOK = load_rulebook()


@contextmanager
def _server(*statements: str) -> Iterator[str]:
    """A server that plays the live one; the address is its unix socket."""
    history = History("supabase", "m", ".", {"m/1.sql": MIGRATION}, (), supabase=True)
    with ExitStack() as stack:
        database = build_shadow(history, find_binaries(None), None, stack)
        assert database.cluster
        with database.cluster.connect("postgres") as session:
            for statement in statements:
                session.execute(statement.encode())
        yield f"postgresql://postgres:hunter2@/postgres?host={database.cluster.folder / 's'}"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "supabase" / "migrations"
    folder.mkdir(parents=True)
    (folder / "1_init.sql").write_text(MIGRATION)
    return tmp_path


def _scan(root: Path, url: str, *, shadow: bool = True) -> Report:
    return audit(Request(Target(root, database=url, shadow=shadow)), BOOK)[0]


def test_one_subject_one_row_with_the_file_of_the_migration(repository: Path) -> None:
    drop = "drop table public.gone"
    with _server(
        "alter table public.tags enable row level security", drop, "create table public.extra (id int)"
    ) as url:
        report = _scan(repository, url)
    found = {f.subject: f for f in report.findings if f.rule == "rls-disabled"}
    assert set(found) == {"table public.notes", "table public.extra"}
    notes = found["table public.notes"]
    assert notes.sources == ["live", "shadow"]
    assert notes.location
    assert (notes.location.path, notes.location.line) == ("supabase/migrations/1_init.sql", 1)
    assert found["table public.extra"].location is None  # made by hand: no migration to point at
    lost = [n for n in report.not_checked if n.rule == "rls-disabled"]
    assert [(n.subject, n.reason.split(":")[0]) for n in lost] == [("table public.gone", "drift")]


def test_a_live_server_alone(repository: Path) -> None:
    with _server() as url:
        report = _scan(repository, url, shadow=False)
    assert {f.subject for f in report.findings if f.rule == "rls-disabled"} >= {"table public.notes"}
    probes = [rule for rule in report.rules if rule.id == "cross-tenant-read"]
    assert probes[0].outcome == "unknown"
    assert "probes act on the shadow database or on" in (probes[0].reason or "")


def test_nothing_can_be_written() -> None:
    with _server() as url, ExitStack() as stack:
        database = connect_live(url, None, stack)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            database.session.execute("create table public.mine (id int)")


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2@127.0.0.1:1/db", "postgresql://u:hunter2@[bad", "hunter2 = = x"]
)
def test_a_server_that_does_not_answer_is_unknown_and_its_password_stays_secret(repository: Path, url: str) -> None:
    report = _scan(repository, url)
    written = [json_report.render(report), html.render(report, BOOK), sarif.render(report, BOOK)]
    assert not [text for text in written if "hunter2" in text]
    (note,) = [note for note in report.evidence if note.source == "live database"]
    assert note.status == "unavailable"
    assert note.reason
    assert [f for f in report.findings if f.rule == "rls-disabled"], "the replay is still reported"
    rule = next(rule for rule in report.rules if rule.id == "rls-disabled")
    assert rule.subjects_unknown, "the live database is not known"


def test_a_server_that_accepts_and_says_nothing_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.sources.live._CONNECT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
        port = listener.getsockname()[1]
        with pytest.raises(Unavailable, match="cannot be read"):
            connect_live(f"postgresql://u@127.0.0.1:{port}/db", None, stack)
