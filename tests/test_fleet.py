"""Many repositories: limits, what is stored is not scanned again, and a queue whose workers may die."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest

from auditor.fleet import Member, Orders, key_for, ranking, read_members, run_fleet
from auditor.model import UsageError
from auditor.sources.cluster import SUPERUSER
from auditor.sources.fleet_process import Limits
from auditor.sources.fleet_store import FleetStore, Key, Result
from tests.running import run, write
from tests.shadow_support import shadow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BAD = "try { work() } catch {}\n"
OPTIONS = ("--offline", "--no-cache", "--only", "empty-catch")


def _repositories(tmp_path: Path, count: int) -> Path:
    """A file that lists so many small repositories; every other one has a finding."""
    for number in range(count):
        write(tmp_path / f"app{number}", {"src/a.ts": BAD if number % 2 else "export const a = 1\n"})
    file = tmp_path / "repos.txt"
    file.write_text("# the fleet\n" + "".join(f"app{number}\n" for number in range(count)), "utf-8")
    return file


def test_the_list_of_repositories(tmp_path: Path) -> None:
    file = tmp_path / "repos.txt"
    file.write_text("# one\n\napi = services/api\nweb\n", "utf-8")
    assert read_members(file) == [Member("api", tmp_path / "services/api"), Member("web", tmp_path / "web")]
    file.write_text("a/app\nb/app\n", "utf-8")
    with pytest.raises(UsageError, match=r"repos.txt:2: two are named 'app'"):
        read_members(file)
    with pytest.raises(UsageError, match="No such file"):
        read_members(tmp_path / "nowhere.txt")


def test_each_is_scanned_once_until_it_changes(tmp_path: Path) -> None:
    file = _repositories(tmp_path, 3)
    members, orders = read_members(file), Orders(OPTIONS)
    said: list[bool] = []

    def again() -> list[bool]:
        said.clear()
        with FleetStore(str(tmp_path / "fleet.sqlite")) as store:
            run_fleet(members, orders, store, 2, lambda _, result: said.append(result is not None))
        return list(said)

    assert again() == [True, True, True]
    assert again() == [False, False, False]
    write(tmp_path / "app1", {"src/a.ts": "export const a = 2\n"})
    assert again() == [False, True, False]
    with FleetStore(str(tmp_path / "fleet.sqlite")) as store:
        ranked = ranking(store.results())
        assert len(store.results()) == 4
        assert [result.key.repository for result in ranked] == ["app0", "app1", "app2"]
        assert json.loads(store.report(ranked[0].key))["findings"] == []


def test_a_scan_beyond_its_limits_is_stopped_and_tried_again(tmp_path: Path) -> None:
    write(tmp_path / "slow", {"supabase/migrations/1_a.sql": "select pg_sleep(30);\n"})
    members = [Member("slow", tmp_path / "slow")]
    for limits, reason in ((Limits(seconds=3), "stopped after 3 s"), (Limits(megabytes=20), "more than 20 MB")):
        with FleetStore(str(tmp_path / "fleet.sqlite")) as store:
            run_fleet(members, Orders(("--offline", "--no-cache"), limits=limits), store, 1, lambda *_: None)
            found = ranking(store.results())[0]
        assert (found.exit_code, found.score) == (3, None)
        assert reason in found.reason


def test_a_folder_that_is_not_there_is_no_pass(tmp_path: Path) -> None:
    (tmp_path / "repos.txt").write_text("gone\n", "utf-8")
    ended = run("fleet", "run", "--repos", tmp_path / "repos.txt", "--store", tmp_path / "s.sqlite")
    assert ended.code == 3
    shown = run("fleet", "report", "--store", tmp_path / "s.sqlite")
    assert "no such folder" in shown.out


def test_the_report_in_each_form(tmp_path: Path) -> None:
    file, place = _repositories(tmp_path, 2), tmp_path / "s.sqlite"
    write(tmp_path / "<script>alert(1)", {"a.ts": BAD})
    file.write_text(file.read_text("utf-8") + "<script>alert(1)\n", "utf-8")
    assert run("fleet", "run", "--repos", file, "--store", place, "--jobs", "2", "--", *OPTIONS).code == 0
    told = json.loads(run("fleet", "report", "--store", place, "--format", "json").out)["repositories"]
    assert {row["repository"]: sum(row["findings"].values()) for row in told}["app1"] == 1
    page = run("fleet", "report", "--store", place, "--format", "html").out
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert run("fleet", "report", "--store", tmp_path / "none.sqlite").code == 2
    assert run("fleet", "run", "--repos", file, "--store", place, "--", "-o", "json=x").code == 2


def _result(name: str, score: float | None, high: int, finished: str = "2026-01-01") -> Result:
    key = Key(name, finished, "1", "r", "")
    return Result(key, "", finished, 1, "", 1.0, score, None, {"findings": {"high": high}})


def test_the_worst_comes_first_and_the_last_scan_counts() -> None:
    found = ranking(
        [
            _result("fine", 90, 0), _result("bad", 20, 3), _result("worse", 20, 5), _result("lost", None, 0),
            _result("mended", 10, 9), _result("mended", 95, 0, "2026-02-01"),
        ]
    )  # fmt: skip
    assert [result.key.repository for result in found] == ["lost", "worse", "bad", "fine", "mended"]


def test_a_broken_store_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_bytes(b"no database" * 200)
    with pytest.raises(UsageError, match="cannot be used"):
        FleetStore(str(tmp_path / "x.sqlite"))
    with pytest.raises(UsageError) as error:
        FleetStore("postgresql://u:hunter2@127.0.0.1:1/x")
    assert "hunter2" not in str(error.value)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL for the queue and the results."""
    with shadow("select 1;", supabase=False) as made:
        assert made.cluster
        yield f"postgresql://{SUPERUSER}@/postgres?host={made.cluster.folder / 's'}"


def test_workers_that_begin_at_once_make_one_store(server: str) -> None:
    def opened(_: int) -> int:
        with FleetStore(server) as store:
            return len(store.results())

    with ThreadPoolExecutor(12) as pool, psycopg.connect(server, autocommit=True) as session:
        for _ in range(10):
            session.execute("drop table if exists backend_audit_fleet")
            assert list(pool.map(opened, range(12))) == [0] * 12


def _worker(file: Path, url: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-m", "auditor", "fleet", "run", "--repos", str(file), "--jobs", "2", "--store", url,
        "--queue", url, "--stale", "3", "--", *OPTIONS,
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)


def test_workers_share_a_queue_and_one_may_die(tmp_path: Path, server: str) -> None:
    file = _repositories(tmp_path, 12)
    first, second = _worker(file, server), _worker(file, server)
    until = time.monotonic() + 60
    with psycopg.connect(server, autocommit=True) as session:
        while time.monotonic() < until and _done(session) < 2:
            time.sleep(0.1)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    third = _worker(file, server)  # queues anew what the dead one had begun
    for worker in (second, third):
        _, said = worker.communicate(timeout=240)
        assert worker.returncode == 0, said.decode()
    with psycopg.connect(server) as session:
        rows = session.execute("select repository, exit_code from backend_audit_fleet").fetchall()
    assert sorted(name for name, _ in rows) == sorted(f"app{number}" for number in range(12)), (
        "nothing lost, nothing twice"
    )
    assert {code for _, code in rows} <= {0, 1}
    again = _worker(file, server)
    again.communicate(timeout=120)
    assert again.returncode == 0
    with FleetStore(server) as store:
        assert len(store.results()) == 12


def _done(session: psycopg.Connection[tuple[object, ...]]) -> int:
    found = session.execute("select to_regclass('backend_audit_fleet')").fetchone()
    if not found or found[0] is None:
        return 0
    count = session.execute("select count(*) from backend_audit_fleet").fetchone()
    return int(str(count[0])) if count else 0


def test_the_same_key_is_kept_once(tmp_path: Path) -> None:
    write(tmp_path / "a", {"a.ts": BAD})
    key, _ = key_for(Member("a", tmp_path / "a"), Orders())
    with FleetStore(str(tmp_path / "s.sqlite")) as store:
        store.put(Result(key, "", "1", 3, "stopped", 1.0))
        assert not store.settled(key)
        store.put(Result(key, "", "2", 1, "gate failed", 1.0, 50.0))
        store.put(Result(key, "", "3", 3, "stopped", 1.0))
        assert [(r.exit_code, r.finished) for r in store.results()] == [(1, "2")]
    with sqlite3.connect(tmp_path / "s.sqlite") as file:
        assert file.execute("select count(*) from backend_audit_fleet").fetchone() == (1,)
