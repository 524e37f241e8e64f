"""A database that the user names for probing: written to, so only after a look at whether it is anybody else's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg import sql

from auditor.model import Unavailable
from auditor.sources.acting import PLAIN_LOGIN, SUPABASE_LOGIN
from auditor.sources.live import explain
from auditor.sources.watchdog import Watchdog

if TYPE_CHECKING:
    from contextlib import ExitStack

    from auditor.sources.cluster import Cluster
    from auditor.sources.database import Database

FLAG = "--i-know-this-database-is-disposable"
_SIGNS = {
    "it is a standby": "select pg_is_in_recovery()",
    "it is replicated": "select exists (select from pg_stat_replication) or exists (select from pg_replication_slots)",
    "other clients are connected": (
        "select exists (select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
        " and application_name <> 'backend-audit' and datname = current_database())"
    ),
}
_STATEMENT_SECONDS = 20.0


@dataclass(slots=True)
class RemoteServer:
    """What the probes ask of a server, over the user's own URL: there is nothing to stop and no disk to watch."""

    url: str
    major: int
    closed: bool = False
    bytes_on_disk: int = 0

    def connect(self, user: str, *, autocommit: bool = True, **settings: str) -> psycopg.Connection[Any]:
        """A session of the URL's role; one that is to act for the API's callers goes on as the login role."""
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        try:
            session = psycopg.connect(
                self.url,
                autocommit=autocommit,
                prepare_threshold=None,
                options=options,
                connect_timeout=10,
                application_name="backend-audit",
            )
        except psycopg.Error as error:
            raise psycopg.OperationalError(explain(error, self.url)) from None
        session.add_notify_handler(lambda _: None)
        if user in {SUPABASE_LOGIN, PLAIN_LOGIN}:
            try:
                session.execute(sql.SQL("set session authorization {}").format(sql.Identifier(SUPABASE_LOGIN)))
            except psycopg.Error:
                session.close()
                raise
        return session

    def superuser(self) -> psycopg.Connection[Any]:
        return self.connect("", search_path="pg_catalog")

    def close(self) -> None:
        self.closed = True


def make_probeable(database: Database, url: str, stack: ExitStack, *, seconds: float, assured: bool) -> None:
    """Let the probes write to `database`, a live one. Raises Unavailable with what speaks against it.

    The rows of the two invented users stay in it.
    """
    if not assured and (signs := _signs_of_life(database)):
        raise Unavailable(f"{database.name} is not probed: {'; '.join(signs)}. {FLAG} does it all the same")
    server = cast("Cluster", RemoteServer(url, database.session.info.server_version // 10000))
    watchdog = Watchdog(server, seconds, _STATEMENT_SECONDS, 1)
    stack.callback(watchdog.close)
    try:
        server.connect(SUPABASE_LOGIN).close()
    except psycopg.Error as error:
        reason = explain(error, url)
        raise Unavailable(
            f"{database.name} is not probed: its role cannot act as {SUPABASE_LOGIN} ({reason})"
        ) from None
    database.cluster, database.watchdog = server, watchdog


def _signs_of_life(database: Database) -> list[str]:
    """Why somebody may be using the database."""
    found = [sign for sign, query in _SIGNS.items() if _yes(database, query)]
    for table in database.schema.tables.values():
        query = sql.SQL("select exists (select from {})").format(sql.Identifier(table.schema, table.name))
        if _yes(database, query.as_string()):
            return [*found, f"{table.identity} has rows"]
    return found


def _yes(database: Database, query: str) -> bool:
    """What cannot be seen counts as a sign: it is for the user to say otherwise."""
    try:
        with database.session.transaction():
            row = database.session.execute(query.encode()).fetchone()
    except psycopg.Error:
        return True
    return bool(row and row[0])
