"""A throw-away PostgreSQL server: one per history, on a private unix socket, gone with the scan.

The server runs under a shell that waits on a pipe held by this process. When the pipe closes, for whatever reason
(the end, an error, Ctrl-C, a kill that cannot be caught), the shell stops the server and removes its folder.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.model import Unavailable
from auditor.sources.binaries import private_installation

if TYPE_CHECKING:
    import psycopg

    from auditor.sources.binaries import Binaries

SUPERUSER = "supabase_admin"
REPLAY_ROLE = "postgres"
DATABASE = "postgres"
_PREFIX = "backend-audit-"
_START_SECONDS = 30
_OTHERS_READ = 0o005
# Kilobytes of address space and 512-byte blocks of one file, per server process: a bomb costs its own statement, and
# no row or message can be larger than the server's memory, so this bounds ours as well.
_LIMITS = "ulimit -c 0; ulimit -f 4194304; ulimit -v 2097152 2>/dev/null;"
_KEEPER = (
    _LIMITS + " trap : HUP INT TERM;"  # a signal ends the wait as the pipe does, instead of orphaning the server
    ' "$@" </dev/null & server=$!; read -r _; kill -QUIT $server 2>/dev/null; wait $server; rm -rf "$FOLDER"'
)
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "shared_buffers": "64MB",
    "max_connections": "20",
    "unix_socket_permissions": "0700",
    "temp_file_limit": "524288",
    "max_parallel_workers": "0",
    "timezone": "UTC",
    "log_min_messages": "fatal",
    "idle_in_transaction_session_timeout": "0",
}
# Said with every connection, so that neither the caller's PG* variables (PGHOSTADDR would replay the history on another
# server) nor `alter database … set` of a history (a library that is not there, an idle timeout) have a say in it.
_ONLY_HERE = (
    "hostaddr='' port=5432 sslmode=disable gssencmode=disable channel_binding=disable target_session_attrs=any"
    " require_auth=''"
)
_ALWAYS = {"local_preload_libraries": "", "exit_on_error": "off", "idle_in_transaction_session_timeout": "0"}
_ALWAYS_SINCE = {14: {"idle_session_timeout": "0"}, 17: {"transaction_timeout": "0"}}
# What a history set for the database or the role shall not change what a catalog query answers.
_FORGET = """
select pg_catalog.set_config(name, boot_val, false) from pg_catalog.pg_settings
where source in ('database', 'user', 'database user') and context in ('user', 'superuser')
"""


@dataclass(slots=True)
class Cluster:
    """A running server. `folder` holds everything it writes; `close` stops it and removes the folder."""

    folder: Path
    major: int
    keeper: subprocess.Popen[bytes]
    closed: bool = field(default=False)

    def connect(self, user: str, *, autocommit: bool = True, **settings: str) -> psycopg.Connection[Any]:
        """A session of `user`; raises psycopg.OperationalError when the server is gone."""
        import psycopg

        pinned = _ALWAYS.copy()
        for major, names in _ALWAYS_SINCE.items():
            pinned |= names if self.major >= major else {}
        options = " ".join(f"-c {name}={value}" for name, value in (pinned | settings).items())
        session = psycopg.connect(
            _ONLY_HERE,
            host=str(self.folder / "s"),
            user=user,
            dbname=DATABASE,
            autocommit=autocommit,
            prepare_threshold=None,
            options=options,
            application_name="backend-audit",
            connect_timeout=10,
            client_encoding="UTF8",
        )
        # Without a handler psycopg keeps every notification that a history sends itself.
        session.add_notify_handler(lambda _: None)
        return session

    def superuser(self) -> psycopg.Connection[Any]:
        """A session for catalog queries only: nothing that a migration made is on its search path."""
        session = self.connect(
            SUPERUSER, search_path="pg_catalog", role="none", row_security="off", statement_timeout="60000",
            lock_timeout="5000", timezone="UTC",
        )  # fmt: skip
        try:
            session.execute(_FORGET.encode())
        except BaseException:
            session.close()
            raise
        return session

    @property
    def bytes_on_disk(self) -> int:
        return _size(self.folder / "d")

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        if self.keeper.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.keeper.stdin.close()
        try:
            self.keeper.wait(timeout=10)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.keeper.pid, signal.SIGKILL)  # the keeper leads the group that its server is in
            self.keeper.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def start_cluster(found: Binaries, asked_extensions: set[str]) -> Cluster:
    """Make and start a server; raises Unavailable with the reason when it cannot be had."""
    account = _account()
    folder = _make_folder()
    try:
        programs = private_installation(found, folder / "i", asked_extensions, readable=_readable(found, account))
        _hand_over(folder, account)
        _initialise(programs, folder, account)
        cluster = Cluster(folder, found.major, _launch(programs, folder, account))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    try:
        _wait_until_ready(cluster)
    except BaseException:
        cluster.close()
        raise
    return cluster


def _account() -> pwd.struct_passwd | None:
    """The user that the server runs as when this process is root, which PostgreSQL refuses; else None."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise Unavailable("PostgreSQL refuses to run as root, and there is no user 'nobody' to run it as") from None


def _make_folder() -> Path:
    _remove_stale(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    (folder / "owner.pid").write_text(str(os.getpid()))
    for name in ("d", "s"):
        (folder / name).mkdir(mode=0o700)
    return folder


def _hand_over(folder: Path, account: pwd.struct_passwd | None) -> None:
    """Give everything to the server's user, so that the keeper can remove it all without this process."""
    if account:
        for place, folders, files in os.walk(folder):
            for path in (place, *(f"{place}/{name}" for name in (*folders, *files) if name != "owner.pid")):
                os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _remove_stale(parent: Path) -> None:
    """Remove what a run left behind that lost its keeper too (a crash of the whole machine)."""
    for folder in parent.glob(f"{_PREFIX}*"):
        owner = folder / "owner.pid"
        with contextlib.suppress(OSError, ValueError):
            if not folder.is_symlink() and owner.stat().st_uid == os.geteuid() and not _alive(int(owner.read_text())):
                shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _readable(found: Binaries, account: pwd.struct_passwd | None) -> bool:
    """Whether the server's user can read the installation where it lies (a virtualenv under /root is closed)."""
    if account is None:
        return True
    return all(
        folder.stat().st_mode & _OTHERS_READ == _OTHERS_READ
        for place in (found.lib, found.share)
        for folder in (place, *place.parents)
    )


def _initialise(programs: Path, folder: Path, account: pwd.struct_passwd | None) -> None:
    command: list[str | Path] = [
        programs / "initdb", "--no-sync", "--no-instructions", "--username", SUPERUSER, "--auth", "trust",
        "--encoding", "UTF8", "--locale", "C", "--pgdata", folder / "d",
    ]  # fmt: skip
    answer = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=_environment(folder),
        **_as(account),
    )
    if answer.returncode:
        reason = (answer.stderr or answer.stdout).strip().splitlines() or ["no message"]
        raise Unavailable(f"initdb failed: {reason[-1]}")


def _launch(programs: Path, folder: Path, account: pwd.struct_passwd | None) -> subprocess.Popen[bytes]:
    settings = {**_SETTINGS, "unix_socket_directories": str(folder / "s")}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "sh", programs / "postgres", "-D", folder / "d", *options],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=_environment(folder),
            cwd=folder / "d",
            start_new_session=True,
            **_as(account),
        )


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C",
        "TZ": "UTC",
        "FOLDER": str(folder),
        "LD_LIBRARY_PATH": str(folder / "i" / "wheel.libs"),
        "DYLD_LIBRARY_PATH": str(folder / "i" / "wheel.libs"),
    }


def _as(account: pwd.struct_passwd | None) -> dict[str, Any]:
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}


def _wait_until_ready(cluster: Cluster) -> None:
    import psycopg

    reason, deadline = "no message", time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            cluster.connect(SUPERUSER).close()
        except psycopg.OperationalError as error:
            reason = str(error)
            if cluster.keeper.poll() is not None or _ended(cluster.folder):
                break
            time.sleep(0.01)
        else:
            return
    lines = (cluster.folder / "log").read_text("utf-8", "replace").strip().splitlines()
    raise Unavailable(f"the PostgreSQL server did not start: {lines[-1] if lines else reason}")


def _ended(folder: Path) -> bool:
    """Whether the server said why and went, while its keeper still waits for us."""
    return (folder / "log").stat().st_size > 0 and not (folder / "d" / "postmaster.pid").exists()


def _size(folder: Path) -> int:
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # files come and go below a running server
                total += (
                    _size(Path(entry.path)) if entry.is_dir(follow_symlinks=False) else entry.stat().st_blocks * 512
                )
    return total
