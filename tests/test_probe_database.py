"""Probing a server that the user names: refused while anybody may be using it, else as on a shadow."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.model import Unavailable
from auditor.sources.cluster import SUPERUSER
from auditor.sources.disposable import FLAG, make_probeable
from auditor.sources.live import connect_live
from auditor.sources.matrix import cells
from auditor.sources.probes import probe
from tests import shadow_support as support
from tests.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
OPEN = """
create table public.notes (id uuid primary key, user_id uuid not null references auth.users, body text);
alter table public.notes enable row level security;
create policy anybody on public.notes for select to authenticated using (auth.uid() is not null);
"""

PLANS = "create table public.plans (id int primary key); insert into public.plans values (1);"
WEAK = "create role weak login; grant usage on schema public to weak; grant select on public.notes to weak;"


@contextmanager
def _server(text: str) -> Iterator[str]:
    """The URL of a server that has what a history makes, as its superuser."""
    with support.shadow(text) as database:
        assert database.cluster
        database.session.close()
        yield f"postgresql://{SUPERUSER}@/postgres?host={database.cluster.folder / 's'}"


def _probeable(url: str, stack: ExitStack, *, assured: bool = False) -> object:
    database = connect_live(url, None, stack)
    make_probeable(database, url, stack, seconds=60, assured=assured)
    return database


def test_a_named_server_is_probed_like_a_shadow() -> None:
    with _server(OPEN) as url, ExitStack() as stack:
        found = {(c.object, c.caller, c.command): c.state for c in cells(probe(_probeable(url, stack)))}  # type: ignore[arg-type]
    assert found["public.notes", "stranger", "SELECT"] == "allowed"
    assert found["public.notes", "anon", "SELECT"] == "denied"
    assert found["public.notes", "owner", "DELETE"] == "denied"


def test_rows_speak_against_it_and_the_user_may_overrule() -> None:
    with _server(OPEN + PLANS) as url:
        with ExitStack() as stack, pytest.raises(Unavailable, match=f"public.plans has rows.*{FLAG}"):
            _probeable(url, stack)
        with ExitStack() as stack:
            assert probe(_probeable(url, stack, assured=True)).tables  # type: ignore[arg-type]


def test_other_clients_speak_against_it() -> None:
    import psycopg

    with (
        _server(OPEN) as url,
        psycopg.connect(url, application_name="shop"),
        ExitStack() as stack,
        pytest.raises(Unavailable, match="other clients are connected"),
    ):
        _probeable(url, stack)


def test_a_role_that_cannot_act_for_the_callers_is_said() -> None:
    with (
        _server(OPEN + WEAK) as url,
        ExitStack() as stack,
        pytest.raises(Unavailable, match="cannot act as authenticator"),
    ):
        _probeable(url.replace(SUPERUSER, "weak"), stack, assured=True)


def test_the_scan_probes_it_and_proves(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "sound", tmp_path / "repository")
    with _server(OPEN) as url:
        answer = run(
            "scan", tmp_path / "repository", "--probe-database", url, "--no-shadow", "--only", "cross-tenant-read",
            "-q", "--offline", "-o", f"json={tmp_path / 'out.json'}",
        )  # fmt: skip
    assert answer.code == 1, answer.err
    assert "cross-tenant-read" in answer.err
    assert "proved" in (tmp_path / "out.json").read_text("utf-8")


def test_reading_one_and_writing_to_another_is_a_usage_error() -> None:
    answer = run("scan", FIXTURES / "sound", "--database", "postgresql://a/b", "--probe-database", "postgresql://a/c")
    assert answer.code == 2
    assert "give one of them" in answer.err
