"""Shadow databases for tests: small histories, every server version at hand, and what a hostile one leaves behind."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from auditor.facts.histories import History
from auditor.sources.binaries import find_binaries
from auditor.sources.cluster import REPLAY_ROLE
from auditor.sources.shadow import build_shadow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.database import Database

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
# A folder of server binaries, or None for the embedded ones; a parameter of every test on untrusted SQL.
SERVERS = [
    pytest.param(None, id="embedded"),
    pytest.param(
        str(DEBIAN_15), id="15", marks=pytest.mark.skipif(not DEBIAN_15.is_dir(), reason="no PostgreSQL 15 here")
    ),
]
FOLDER = "supabase/migrations"


def history(files: dict[str, str] | str, *, supabase: bool = True) -> History:
    """A history of these files, or of one file with this text."""
    texts = {"1_a.sql": files} if isinstance(files, str) else files
    paths = {f"{FOLDER}/{name}": text for name, text in texts.items()}
    return History("supabase", FOLDER, ".", paths, (), supabase)


@contextmanager
def shadow(
    files: dict[str, str] | str, server: str | None = None, *, supabase: bool = True, **limits: float
) -> Iterator[Database]:
    """The shadow database of a small history; `limits` as for build_shadow."""
    with ExitStack() as stack:
        yield build_shadow(history(files, supabase=supabase), find_binaries(server), None, stack, **limits)  # type: ignore[arg-type]


def failed(database: Database) -> list[str]:
    """What did not replay, in the server's words."""
    assert database.replay
    return [f"{f.statement.kind}: {f.sqlstate} {f.message}" for f in database.replay.failures]


def column(database: Database, query: str) -> list[Any]:
    """The first column of a query on the catalog session."""
    return [row[0] for row in database.session.execute(query.encode()).fetchall()]


def as_replay_role(database: Database, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query by the role that replayed the history."""
    assert database.cluster
    with database.cluster.connect(REPLAY_ROLE) as session:
        return session.execute(query.encode()).fetchall()


def assert_no_power(database: Database) -> None:
    """Nobody but the bootstrap superuser has its power, or the right to files and programs of the server."""
    assert column(database, "select rolname::text from pg_roles where rolsuper or rolreplication") == ["supabase_admin"]
    members = """
        select m.member::regrole::text || ' in ' || m.roleid::regrole::text from pg_auth_members m
        where (m.roleid::regrole::text ~ '^pg_' and m.member::regrole::text !~ '^pg_') or m.roleid = 10
    """
    assert column(database, members) == []


def titles() -> dict[int, str]:
    """The command line of every process; a backend writes there what it is doing."""
    answer = subprocess.run(["ps", "-ax", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True)
    pairs = (line.split(None, 1) for line in answer.stdout.splitlines())
    return {int(pair[0]): pair[1] for pair in pairs if len(pair) > 1}


def servers_of(folder: Path) -> list[int]:
    """Processes whose command line names the folder of a cluster."""
    return [process for process, title in titles().items() if str(folder) in title]


def assert_gone(folder: Path, seconds: float = 10.0) -> None:
    """Neither the server nor its folder is left, at the latest after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and (folder.exists() or servers_of(folder)):
        time.sleep(0.05)
    assert not folder.exists()
    assert servers_of(folder) == []


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder in which everybody may write, the server's user too; it holds the file `secret`."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    folder.chmod(0o777)
    (folder / "secret").write_text("the-secret")
    (folder / "secret").chmod(0o644)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def listener() -> Iterator[socket.socket]:
    """A listening socket; `connected` says whether anybody came."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


def connected(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def clusters(parent: Path) -> list[Path]:
    """The folders of clusters below a temporary folder."""
    return sorted(parent.glob("backend-audit-*"))


def temporary_parent() -> Path:
    """A temporary folder of its own, which the server's user can pass through."""
    parent = Path(tempfile.mkdtemp(prefix="parent-"))
    parent.chmod(0o1777)
    return parent


def plain_environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **more}
