"""`shadow`: the replayed database, to connect to for as long as the command runs."""

from __future__ import annotations

import os
import shlex
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.access import incomplete
from auditor.cli.codes import EXIT_CODES
from auditor.cli.replay_options import GRANTS, PG_BIN, TIMEOUT, target_of
from auditor.model import ExitCode, NotApplicable, NothingToScan, Unavailable, UsageError

if TYPE_CHECKING:
    from auditor.database_lanes import Databases
    from auditor.sources.cluster import Cluster
    from auditor.sources.database import Database

_TICK = 0.2


@click.command(epilog=EXIT_CODES)
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option("--history", metavar="NAME", help="Which history to replay, where there are several: its folder.")
@click.option("--print-dsn", is_flag=True, help="Print nothing but the connection string; the server stays as without.")
@GRANTS
@PG_BIN
@TIMEOUT
def shadow(path: Path, **options: Any) -> int:  # noqa: ANN401 - click's options, read by name below
    """Replay the migrations in PATH (default: this folder) and keep the database until Ctrl-C.

    It listens on a private unix socket only, and is removed at the end.
    """
    from auditor.lanes import refuse_emptiness, sources
    from auditor.plan import Evidence

    target = target_of(path, options)
    with Evidence(sources(target)) as evidence:
        try:
            refuse_emptiness(evidence.get("repository"), target)
            database = _chosen(evidence.get("shadow database"), options["history"])
        except Unavailable as reason:
            return incomplete({"": str(reason)})
        except NotApplicable as reason:
            raise NothingToScan(str(reason)) from reason
        _announce(database, options["pg_bin"], only_dsn=options["print_dsn"])
        return _stay(database)


def _chosen(found: Databases, name: str | None) -> Database:
    names = [database.name for database in found.databases]
    if name and name.rstrip("/") in names:
        return found.databases[names.index(name.rstrip("/"))]
    if name and name.rstrip("/") in found.failed:
        raise Unavailable(f"{name}: {found.failed[name.rstrip('/')]}")
    if not names:
        raise Unavailable("; ".join(found.failed.values()) or "no database could be built")
    if name or len(names) > 1:
        raise UsageError(f"--history: name one of {', '.join(names)}")
    return found.databases[0]


def _announce(database: Database, pg_bin: str | None, *, only_dsn: bool) -> None:
    from auditor.render.safe_text import one_line
    from auditor.sources.acting import SUPABASE_LOGIN
    from auditor.sources.cluster import REPLAY_ROLE

    if only_dsn:
        click.echo(_dsn(database, REPLAY_ROLE))
        return
    assert database.cluster
    assert database.replay
    program, lost = _psql(pg_bin), len(database.replay.failures)
    replayed = f"{database.replay.succeeded} of {database.replay.executed} statements"
    click.echo(one_line(f"{database.name}: {replayed} replayed on PostgreSQL {database.cluster.major}, {lost} failed"))
    click.echo("\nThe role that replayed them, which no policy holds; paste the transcripts of proofs here:")
    click.echo(f"  {_command(database, program, REPLAY_ROLE)}")
    if database.supabase:
        click.echo("The role that PostgREST logs in as (begin; set local role anon; ... rollback;):")
        click.echo(f"  {_command(database, program, SUPABASE_LOGIN)}")
    click.echo("\nThe server listens on this socket only, and is removed at the end. Ctrl-C ends it.")


def _dsn(database: Database, user: str) -> str:
    """Everything is said, so that no PG* variable of the caller leads it elsewhere."""
    from auditor.sources.cluster import DATABASE

    assert database.cluster
    return f"host={database.cluster.folder / 's'} port=5432 user={user} dbname={DATABASE} sslmode=disable"


def _command(database: Database, program: str, user: str) -> str:
    return f"{shlex.quote(program)} {shlex.quote(_dsn(database, user))}"


def _psql(pg_bin: str | None) -> str:
    """The client on PATH, else the one beside the server binaries."""
    from auditor.sources.binaries import find_binaries

    if shutil.which("psql"):
        return "psql"
    beside = find_binaries(pg_bin).bin / "psql"
    return str(beside) if beside.is_file() else "psql"


def _stay(database: Database) -> int:
    """Until Ctrl-C or SIGTERM, or until the server is gone."""
    assert database.cluster
    try:
        while _runs(database.cluster):
            time.sleep(_TICK)
    except KeyboardInterrupt:
        return 0
    verdict = database.watchdog.verdict if database.watchdog else None
    click.echo(f"backend-audit: the server ended{f': it was {verdict}' if verdict else ''}", err=True)
    return ExitCode.TOOL_FAILED


def _runs(cluster: Cluster) -> bool:
    try:
        os.kill(int((cluster.folder / "d" / "postmaster.pid").read_text().split()[0]), 0)
    except (OSError, ValueError, IndexError):
        return False
    return True
