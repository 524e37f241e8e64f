"""A server and its folder go with the scan, however it ends; and they work for root and for an ordinary user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.model import Unavailable
from auditor.sources import cluster as clusters
from auditor.sources.binaries import find_binaries
from tests import shadow_support as support

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
ENDLESS = "set statement_timeout = 0;\ncreate table public.t (i int);\nselect pg_sleep(600);\n"
BUILD = """
import sys
sys.path.insert(0, {root!r})
from tests import shadow_support as support
with support.shadow("create table public.t (i int);", {server!r}) as database:
    print(len(database.schema.tables), support.failed(database), flush=True)
"""
SERVERS = pytest.mark.parametrize("server", support.SERVERS)


@pytest.fixture
def parent() -> Iterator[Path]:
    folder = support.temporary_parent()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _scan(parent: Path, server: str | None, project: Path) -> subprocess.Popen[bytes]:
    """A scan that is in the middle of a statement that does not end."""
    migrations = project / "supabase/migrations"
    migrations.mkdir(parents=True)
    (migrations / "1_a.sql").write_text(ENDLESS)
    more = ["--pg-bin", server] if server else []
    scan = subprocess.Popen(
        [sys.executable, "-m", "auditor", "scan", str(project), *more],
        cwd=ROOT,
        env=support.plain_environment(TMPDIR=str(parent)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    end = time.monotonic() + 20
    while time.monotonic() < end and not _sleeping(parent):
        time.sleep(0.05)
    assert _sleeping(parent)
    return scan


def _sleeping(parent: Path) -> bool:
    """Whether the server below the folder has a backend of the replay role at work."""
    servers = {process for folder in support.clusters(parent) for process in support.servers_of(folder)}
    waiting = "postgres: postgres postgres [local] SELECT"
    # Other tests run servers at the same time: only a child of this one counts.
    return any(waiting in title and _parent_of(process) in servers for process, title in support.titles().items())


def _parent_of(process: int) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0  # it has ended meanwhile
    return int(status.split("PPid:")[1].split()[0])


@SERVERS
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_a_scan_that_is_killed_leaves_nothing(
    parent: Path, tmp_path: Path, server: str | None, kill: signal.Signals
) -> None:
    scan = _scan(parent, server, tmp_path)
    (folder,) = support.clusters(parent)
    assert support.servers_of(folder)
    scan.send_signal(kill)
    _, errors = scan.communicate(timeout=20)
    support.assert_gone(folder)
    assert support.clusters(parent) == []
    if kill is signal.SIGINT:
        assert scan.returncode == 130
        assert b"Traceback" not in errors


@pytest.mark.parametrize("ends", ["error", "keeper"])
def test_an_error_and_the_end_of_the_keeper_leave_nothing(ends: str) -> None:
    folders = []

    def use() -> None:
        with support.shadow("create table t (i int);") as database:
            assert database.cluster
            folders.append(database.cluster.folder)
            if ends == "keeper":
                database.cluster.keeper.terminate()
                support.assert_gone(folders[0])
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        use()
    support.assert_gone(folders[0], seconds=0)


def test_a_server_that_does_not_start_leaves_nothing(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(parent))
    monkeypatch.setitem(clusters._SETTINGS, "shared_buffers", "1")  # noqa: SLF001 - too small to start with
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"did not start: .*shared_buffers"):
        clusters.start_cluster(find_binaries(None), set())
    assert time.monotonic() - started < 10
    assert support.clusters(parent) == []


def test_what_a_crash_of_the_machine_left_goes_with_the_next_scan(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(parent))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for name, process in (("stale", ended.pid), ("alive", os.getpid())):
        (parent / f"backend-audit-{name}/d").mkdir(parents=True)
        (parent / f"backend-audit-{name}/owner.pid").write_text(str(process))
    with support.shadow("create table t (i int);") as database:
        assert database.cluster
        left = [parent / "backend-audit-alive", database.cluster.folder]
        assert support.clusters(parent) == sorted(left)


def _run(parent: Path, python: str, code: str) -> subprocess.CompletedProcess[str]:
    nobody = pwd.getpwnam("nobody")
    return subprocess.run(
        [python, "-B", "-c", code],
        cwd=parent,
        env=support.plain_environment(TMPDIR=str(parent), PYTHONPATH=sysconfig.get_path("purelib")),
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _as_nobody(parent: Path, python: str, code: str) -> bool:
    try:
        return _run(parent, python, code).returncode == 0
    except OSError:
        return False


@SERVERS
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_it_works_for_an_ordinary_user(parent: Path, server: str | None) -> None:
    same = f"python{sys.version_info.major}.{sys.version_info.minor}"
    able = [python for python in (sys.executable, f"/usr/bin/{same}") if _as_nobody(parent, python, "import psycopg")]
    if not able:
        pytest.skip("no Python here that nobody can run")
    answer = _run(parent, able[0], BUILD.format(root=str(ROOT), server=server))
    assert (answer.stdout.strip(), answer.returncode) == ("1 []", 0), answer.stderr
    assert support.clusters(parent) == []


@SERVERS
def test_it_works_from_an_installation_that_the_servers_user_cannot_read(
    server: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "_readable", lambda *_: False)
    with support.shadow('create extension "uuid-ossp"; create table t (i int);', server) as database:
        assert database.cluster
        inside = database.cluster.folder / "i"
        links = [path for path in inside.rglob("*") if path.is_symlink() and not path.resolve().is_relative_to(inside)]
        assert links == []
        assert [table.name for table in database.schema.tables.values()] == ["t"]


def test_the_callers_environment_does_not_lead_to_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(support.listener())
        for name, value in {
            "PGHOST": "127.0.0.1", "PGHOSTADDR": "127.0.0.1", "PGPORT": str(listener.getsockname()[1]),
            "PGUSER": "somebody", "PGDATABASE": "production", "PGOPTIONS": "-c x=y", "PGSSLMODE": "verify-full",
            "PGGSSENCMODE": "require", "PGCHANNELBINDING": "require", "PGREQUIREAUTH": "scram-sha-256",
            "PGTARGETSESSIONATTRS": "standby",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        database = stack.enter_context(support.shadow("create table t (i int);"))
        assert [table.name for table in database.schema.tables.values()] == ["t"]
        assert not support.connected(listener)
