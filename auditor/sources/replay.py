"""Replays a history as a role that is not a superuser: one transaction per file, one savepoint per statement."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import psycopg

from auditor.facts.failures import cause_of, doubtful, extension_for
from auditor.facts.statements import as_btree, split_statements
from auditor.sources.cluster import REPLAY_ROLE
from auditor.sources.lock_trace import LockTrace, Untraced

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from auditor.facts.locks import Trace
    from auditor.facts.statements import Statement
    from auditor.sources.cluster import Cluster
    from auditor.sources.roles import RoleKeeper
    from auditor.sources.watchdog import Watchdog

# Refused inside a transaction block: CREATE INDEX CONCURRENTLY, a new enum value in use, COMMIT inside DO.
_OUTSIDE = {"25001", "55P04", "2D000"}
_RETURNS_ROWS = {
    "select_stmt",
    "fetch_stmt",
    "execute_stmt",
    "explain_stmt",
    "variable_show_stmt",
}
_CHANGES_ROWS = {"insert_stmt", "update_stmt", "delete_stmt", "merge_stmt"}
_MAX_ROWS = 1000
_VERSION = re.compile(r"""\bversion\s+(?:'[^']*'|"[^"]*"|[\w.]+)""", re.IGNORECASE)
# They open connections or need another server: recorded, never executed.
_CONNECTS = {
    "create_foreign_server_stmt", "alter_foreign_server_stmt", "create_user_mapping_stmt", "alter_user_mapping_stmt",
    "create_subscription_stmt", "alter_subscription_stmt", "create_fdw_stmt", "create_foreign_table_stmt",
    "import_foreign_schema_stmt",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """A statement that the server refused. `relations` are those whose state is not known because of it."""

    statement: Statement
    sqlstate: str
    message: str
    cause: str
    relations: frozenset[str]


@dataclass(slots=True)
class Replay:
    """What became of a history. `set_aside` are statements that were not executed on purpose, with the reason.

    By statement number: `traces` are the locks seen, `outside` what the server refuses inside a transaction block.
    """

    statements: list[Statement] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    set_aside: list[tuple[Statement, str]] = field(default_factory=list)
    stopped: str | None = None
    traces: dict[int, Trace] = field(default_factory=dict)
    outside: dict[int, str] = field(default_factory=dict)

    @property
    def executed(self) -> int:
        return len(self.statements) - len(self.set_aside)

    @property
    def succeeded(self) -> int:
        return self.executed - len(self.failures)


class Replayer:
    """One history on one cluster; its statements are numbered from `first`."""

    def __init__(self, cluster: Cluster, watchdog: Watchdog, roles: RoleKeeper | None, first: int = 0) -> None:
        self._cluster = cluster
        self._first = first
        self._watchdog = watchdog
        self._roles = roles
        self._replay = Replay()
        self._enabled: set[str] = set()
        self._locks = LockTrace(self._replay.traces)
        self._session = self._connect()

    def run(self, files: Iterable[tuple[str, str]]) -> Replay:
        """Replay the files, (path, text) in order."""
        for path, text in files:
            statements = split_statements(path, text, self._first + len(self._replay.statements))
            self._replay.statements += statements
            if not self._replay.stopped:
                self._file(statements)
        with contextlib.suppress(psycopg.Error):
            self._session.close()
        return self._replay

    def _connect(self) -> psycopg.Connection[Any]:
        return self._cluster.connect(REPLAY_ROLE, statement_timeout="60000", client_min_messages="error")

    def _file(self, statements: list[Statement]) -> None:
        before = len(self._replay.failures), len(self._replay.set_aside)
        self._locks.begin(statements)
        self._control("begin")
        for statement in statements:
            self._statement(statement)
            if self._replay.stopped:
                return
        if not self._commit():
            # A deferred constraint ended the whole file at its commit: keep what can be kept.
            del self._replay.failures[before[0] :], self._replay.set_aside[before[1] :]
            for statement in statements:
                self._statement(statement)
        self._control("reset all")

    def _statement(self, statement: Statement) -> None:
        if statement.error:
            self._fail(statement, "42601", statement.error)
        elif statement.kind == "transaction_stmt":
            self._transaction(statement)
        elif reason := _not_executed(statement) or (self._roles.refuses(statement) if self._roles else ""):
            self._replay.set_aside.append((statement, reason))
        elif not (self._roles and self._roles.handles(statement)):
            self._attempt(statement)
        elif refusal := self._roles.carry_out(statement):
            self._fail(statement, "42501", refusal)

    def _transaction(self, statement: Statement) -> None:
        """A file's own BEGIN and COMMIT: the replay has a transaction of its own, so they only mark its ends."""
        kind = statement.body.DESCRIPTOR.fields_by_name["kind"].enum_type.values_by_number[statement.body.kind].name
        if kind == "TRANS_STMT_COMMIT":
            self._commit()
            self._control("begin")
        elif kind == "TRANS_STMT_ROLLBACK":
            self._control("rollback")
            self._control("begin")
        self._replay.set_aside.append((statement, "transaction control"))

    def _attempt(self, statement: Statement, tries: int = 3) -> None:
        error = self._execute(statement, savepoint=self._in_transaction)
        if error is None:
            return
        sqlstate = error.sqlstate or ""
        if self._session.closed:
            self._reconnect(statement, error)
        elif sqlstate in _OUTSIDE and self._in_transaction:
            self._replay.outside[statement.number] = _first_line(error)
            self._commit()
            error = self._execute(statement, savepoint=False)
            self._control("begin")
            if error:
                self._fail(statement, error.sqlstate or "", _first_line(error))
        elif sqlstate == "XX000" and "non-btree AM" in str(error):
            self._attempt(as_btree(statement), tries - 1)
        elif tries and (extension := extension_for(sqlstate, str(error))) and self._enable(extension):
            self._attempt(statement, tries - 1)
        else:
            self._fail(statement, sqlstate, _first_line(error))

    @property
    def _in_transaction(self) -> bool:
        return self._session.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS

    def _execute(self, statement: Statement, *, savepoint: bool) -> psycopg.Error | None:
        text = f"/*audit:{statement.number}*/{_runnable(statement)}".encode()
        try:
            with self._watchdog.watch(self._session):
                if savepoint:
                    self._session.execute("savepoint audit")
                    self._locks.run(self._session, statement, lambda: self._send(text, statement))
                else:
                    self._send(text, statement)
                if savepoint:
                    self._session.execute("release savepoint audit")
        except Untraced:  # the role that the history has taken on cannot look, and may still run the statement
            self._locks.skip(statement)
            self._control("rollback to savepoint audit")
            return self._execute(statement, savepoint=savepoint)
        except psycopg.Error as error:
            if savepoint:
                self._control("rollback to savepoint audit")
            return error
        return None

    def _send(self, text: bytes, statement: Statement) -> None:
        returning = statement.kind in _CHANGES_ROWS and statement.body.HasField("returning_clause")
        if not (returning or _returns_rows(statement)):
            # The extended protocol, which psycopg takes for binary results, drops what a rule of the history selects.
            self._session.execute(text, binary=True)
            return
        with (
            self._session.cursor() as cursor,
            contextlib.closing(cast("Generator[Any]", cursor.stream(text))) as stream,
        ):
            for count, _ in enumerate(stream):  # one row at a time: a billion of them must not fill our memory
                if count >= _MAX_ROWS and not returning:
                    self._session.cancel_safe(timeout=1)  # closing the stream would wait for all the rest
                    raise psycopg.errors.ProgramLimitExceeded("returns too many rows")

    def _enable(self, extension: str) -> bool:
        """Create what a project switched on in the dashboard, once; False when it was tried before."""
        if extension in self._enabled:
            return False
        self._enabled.add(extension)
        schema = " schema extensions" if self._roles is None or self._roles.supabase else ""
        for where in (schema, ""):
            if self._control(f'create extension if not exists "{extension}"{where} cascade', savepoint=True):
                return True
        return False

    def _control(self, command: str, *, savepoint: bool = False) -> bool:
        """A command of the replay's own; False when the server refused it."""
        guarded = savepoint and self._in_transaction
        try:
            with self._watchdog.watch(self._session):
                if guarded:
                    self._session.execute("savepoint audit_own")
                self._session.execute(command.encode())
        except psycopg.Error:
            if guarded:
                self._control("rollback to savepoint audit_own")
            return False
        return True

    def _commit(self) -> bool:
        if not self._locks_read():
            self._control("rollback")
            return False
        self._control("unlisten *")  # else every notification that a history sends itself is delivered to us now
        return self._control("commit")

    def _locks_read(self) -> bool:
        """Read the locks of the transaction that ends now; False when that failed, and the transaction with it."""
        if not self._in_transaction:
            return True
        try:
            with self._watchdog.watch(self._session):
                self._locks.end(self._session)
        except Untraced:
            self._locks.stop()
            return False
        return True

    def _reconnect(self, statement: Statement, error: psycopg.Error) -> None:
        reason = self._watchdog.verdict
        if reason is None:
            try:
                self._session = self._connect()
                self._control("begin")
            except psycopg.OperationalError:
                reason = self._watchdog.verdict or "the server ended"
        self._fail(statement, error.sqlstate or "57P01", reason or "its session was ended: it did not stop in time")
        self._replay.stopped = reason

    def _fail(self, statement: Statement, sqlstate: str, message: str) -> None:
        cause = cause_of(statement, sqlstate, message)
        self._replay.failures.append(Failure(statement, sqlstate, message, cause, doubtful(statement)))


def _returns_rows(statement: Statement) -> bool:
    into = statement.kind == "select_stmt" and statement.body.HasField("into_clause")
    return statement.kind in _RETURNS_ROWS and not into


def _runnable(statement: Statement) -> str:
    """The statement's text; an extension's version is whatever this server has."""
    return _VERSION.sub("", statement.text) if statement.kind == "create_extension_stmt" else statement.text


def _not_executed(statement: Statement) -> str | None:
    if statement.kind in _CONNECTS:
        return "would open a connection to another server"
    if statement.kind == "copy_stmt" and not statement.body.filename:
        return "data that psql would send"
    if statement.kind == "create_event_trig_stmt":
        return "event triggers need a superuser"
    return None


def _first_line(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).splitlines()[0] if str(error) else type(error).__name__
