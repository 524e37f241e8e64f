"""A session that acts as one caller after the other, one savepoint for each attempt, everything rolled back.

It logs in as `authenticator`, as PostgREST does, and takes a role from there: a superuser that merely sets a role could
be talked out of it by a policy's function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from auditor.model import Unavailable

if TYPE_CHECKING:
    from auditor.sources.callers import Caller
    from auditor.sources.database import Database

SUPABASE_LOGIN = "authenticator"
# Released as well: thousands of savepoints inside one another would cost more with each.
_UNDO = "rollback to savepoint attempt; release savepoint attempt"
PLAIN_LOGIN = "backend_audit_api"
"""On a plain server: made before the history, a member of nothing until the replay role lets it be."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`count` is the rows touched; `value` the first value of the first row where one was asked for."""

    count: int = 0
    value: Any = None
    error: psycopg.Error | None = None


class Actor:
    """Carries out attempts. Raises Unavailable when it cannot be sure of who it is."""

    def __init__(self, database: Database) -> None:
        assert database.cluster
        assert database.watchdog
        self._watchdog = database.watchdog
        self._cluster = database.cluster
        self._login = SUPABASE_LOGIN if database.supabase else PLAIN_LOGIN
        self._caller: Caller | None = None
        self.session = self._connect()

    def _connect(self) -> psycopg.Connection[Any]:
        # The search path is PostgREST's, not what a history set for the database: there `count` could be its own.
        return self._cluster.connect(
            self._login, statement_timeout="5000", client_min_messages="error", search_path="public,extensions"
        )

    def close(self) -> None:
        self.session.close()

    def become(self, caller: Caller) -> None:
        """Begin a transaction as `caller`; the one before is rolled back."""
        self._caller = caller
        self.session = self._watchdog.revive(self.session, self._connect)
        try:
            self.session.execute("rollback")
            self.session.execute("begin")
            self.session.execute(sql.SQL("set local role {}").format(sql.Identifier(caller.role)))
            self.session.execute("select set_config('request.jwt.claims', %s, true)", (caller.claims,))
            powers = "select rolsuper from pg_catalog.pg_roles where rolname = current_user and current_user = %s"
            row = self.session.execute(powers, (caller.role,)).fetchone()
        except psycopg.Error as error:
            raise Unavailable(f"nobody can act as {caller.role}: {first_line(error)}") from None
        if row is None or row[0]:  # every right would be granted to it, and prove nothing
            raise Unavailable(f"the caller {caller.name} acts as a superuser, not as {caller.role}")

    def attempt(self, statement: str, *, reads: bool = False, setting: str = "") -> Outcome:
        """One statement, undone again; `reads` asks for the first value that it returns, `setting` runs before it."""
        assert self._caller
        try:
            with self._watchdog.watch(self.session):
                self._still("savepoint attempt; select current_user")
                if setting:
                    self.session.execute(setting.encode())
                cursor = self.session.execute(statement.encode(), binary=True)  # as in planting
                first = cursor.fetchone() if reads else None
                count = max(cursor.rowcount, 0)
                self._still(f"set constraints all immediate; select current_user; {_UNDO}")
        except psycopg.Error as error:
            self._recover()
            return Outcome(error=error)
        return Outcome(count, first[0] if first else None)

    def differs(self, statement: str, check: str) -> tuple[Any, Any] | None:
        """What `check` returns to the service role before and after `statement`; None where that cannot be said.

        The service role sees every row: the caller may not see what its own statement did.
        """
        assert self._caller
        role = sql.SQL("set local role {}").format(sql.Identifier(self._caller.role))
        found = []
        try:
            with self._watchdog.watch(self.session):
                self._still("savepoint attempt; select current_user")
                for command in (None, statement):
                    if command:
                        self.session.execute(role)
                        self.session.execute(command.encode(), binary=True)
                    self.session.execute("set local role service_role")
                    row = self.session.execute(check.encode()).fetchone()
                    found.append(row[0] if row else None)
                self.session.execute(_UNDO)
        except psycopg.Error:
            self._recover()
            return None
        return found[0], found[1]

    def _still(self, command: str) -> None:
        """A probe that slipped out of its role proves nothing."""
        assert self._caller
        cursor = self.session.execute(command.encode())
        cursor.nextset()
        row = cursor.fetchone()
        if not row or row[0] != self._caller.role:
            raise psycopg.errors.InvalidRoleSpecification(f"the session is no longer {self._caller.role}")

    def _recover(self) -> None:
        """Back to before the attempt; a session that it ended is begun anew."""
        assert self._caller
        try:
            self.session.execute(_UNDO)
        except psycopg.Error:
            self.become(self._caller)


def first_line(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error) or type(error).__name__).splitlines()[0]
