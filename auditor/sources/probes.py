"""Acts as the API's callers on the shadow database and writes down what each can do.

Every session here logs in as `authenticator`, as PostgREST does, and takes a role from there: a superuser that merely
sets a role could be talked out of it by a policy's function.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from auditor.facts.ownership import find_owned
from auditor.facts.rows import World, counts_up, draft_row
from auditor.sources.planting import Planter, insert_text, literal
from auditor.sources.transcripts import Transcripts, anonymous, stranger

if TYPE_CHECKING:
    from auditor.facts.ownership import Owned
    from auditor.facts.schema import Table
    from auditor.sources.database import Database
    from auditor.sources.planting import Planted
    from auditor.sources.transcripts import Caller

COMMANDS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_CONSTRAINTS = {"23502", "23503", "23505", "23514", "23P01"}
_LOGIN = "authenticator"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one caller could do with one command. `state` is as in the access matrix; `seen` in the reader's words."""

    caller: str
    command: str
    state: str
    seen: str
    script: str


@dataclass(slots=True)
class TableProbe:
    """Everything tried on one table; `unplanted` is the reason why it has no rows, None when it has."""

    table: Table
    owned: Owned | None
    unplanted: str | None
    forced: bool
    attempts: list[Attempt] = field(default_factory=list)
    plans: list[Attempt] = field(default_factory=list)


@dataclass(slots=True)
class Probed:
    """The probes of one database, by the table's oid."""

    tables: dict[int, TableProbe]
    summary: list[str]


def probe(database: Database) -> Probed:
    """Plan every command on every table with policies, plant rows, and try what strangers should not be able to do."""
    exposed = [table for table in database.schema.exposed if database.api_roles and not table.partition]
    if not exposed:
        return Probed({}, ["no table is exposed to an API role: nothing to try"])
    owned = find_owned(database.schema)
    planted = Planter(database, owned).run()
    prober = _Prober(database, planted)
    try:
        tables = {table.oid: prober.table(table, owned.get(table.oid)) for table in exposed}
    finally:
        prober.close()
    honest = sum(1 for result in tables.values() if result.unplanted is None and not result.forced)
    return Probed(
        tables,
        [f"rows planted in {honest} of {len(tables)} exposed tables, {_forced(tables)} more with triggers off"],
    )


def _forced(tables: dict[int, TableProbe]) -> int:
    return sum(1 for result in tables.values() if result.unplanted is None and result.forced)


class _Prober:
    def __init__(self, database: Database, planted: Planted) -> None:
        assert database.cluster
        assert database.watchdog
        self._database = database
        self._planted = planted
        self._watchdog = database.watchdog
        self._cluster = database.cluster
        self._session = self._connect()
        self._transcripts = Transcripts(database.schema, planted)
        self._anon = anonymous()
        self._stranger = stranger(planted.worlds[1])

    def _connect(self) -> psycopg.Connection[Any]:
        # The search path is PostgREST's, not what a history set for the database: there `count` could be its own.
        return self._cluster.connect(
            _LOGIN, statement_timeout="5000", client_min_messages="error", search_path="public,extensions"
        )

    def close(self) -> None:
        self._session.close()

    def table(self, table: Table, owned: Owned | None) -> TableProbe:
        planted = self._planted.worlds[0].rows.get(table.oid)
        reason = None if planted else self._planted.failed.get(table.oid, "no row could be made")
        result = TableProbe(table, owned, reason, table.oid in self._planted.forced)
        if table.policies and table.rls:
            result.plans = [self._plan(table, caller, command) for caller, command in self._granted(table)]
        for caller, command in self._granted(table):
            if command == "SELECT" or caller is self._anon:
                result.attempts.append(self._attempt(table, caller, command, planted))
        return result

    def _granted(self, table: Table) -> list[tuple[Caller, str]]:
        callers = (self._anon, self._stranger)
        commands = COMMANDS if table.columns else ("SELECT", "INSERT", "DELETE")  # there is nothing to set
        return [(c, command) for c in callers for command in commands if command in table.privileges.get(c.role, ())]

    def _plan(self, table: Table, caller: Caller, command: str) -> Attempt:
        """EXPLAIN finds infinite recursion at plan time, with no rows at all."""
        statement = f"explain {self._statement(table, command, None, plan=True)}"
        count, error = self._act(caller, statement)
        state = "allowed" if error is None else "error" if error.sqlstate == "42P17" else "denied"
        seen = f"{count} lines of plan" if error is None else f"ERROR {error.sqlstate}: {_message(error)}"
        script = self._transcripts.write(table, caller, statement, rows=False)
        return Attempt(caller.name, command, state, seen, script)

    def _attempt(self, table: Table, caller: Caller, command: str, row: dict[str, Any] | None) -> Attempt:
        if row is None and command != "INSERT":
            return Attempt(caller.name, command, "unknown", "no row to try it on", "")
        statement = self._statement(table, command, row)
        count, error = self._act(caller, statement, counted=command == "SELECT")
        script = self._transcripts.write(table, caller, statement, rows=True)
        return Attempt(caller.name, command, *_reading(command, count, error), script)

    def _statement(self, table: Table, command: str, row: dict[str, Any] | None, *, plan: bool = False) -> str:
        name = sql.Identifier(table.schema, table.name)
        if command == "SELECT":
            wanted = sql.SQL("*") if plan else sql.SQL("count(*)")
            text = sql.SQL("select {} from {}{}").format(wanted, name, self._where(table, row))
        elif command == "DELETE":
            text = sql.SQL("delete from {}").format(name)
        elif command == "UPDATE":
            text = sql.SQL("update {} set {} = {}").format(name, *self._change(table, row, plan=plan))
        elif plan:
            text = sql.SQL("insert into {} default values").format(name)
        else:
            return self._insert(table)
        return text.as_string(self._session)

    def _where(self, table: Table, row: dict[str, Any] | None) -> sql.Composable:
        if row is None:
            return sql.SQL("")
        owner = self._planted.worlds[0]
        if column := self._planted.found.get((owner.name, table.oid)):  # its key is whatever the trigger made up
            return sql.SQL(" where {} = {}").format(sql.Identifier(column), sql.Literal(owner.user))
        keys = [
            key
            for key in table.primary_key or tuple(row)
            if row.get(key) is not None and not isinstance(row[key], dict | list)
        ]
        if not table.primary_key:
            keys = [key for key in keys if (c := table.column(key)) and c.category in {"S", "U", "N"}][:4]
        tests = [sql.SQL("{} = {}").format(sql.Identifier(key), sql.Literal(row[key])) for key in keys]
        return sql.SQL(" where ") + sql.SQL(" and ").join(tests) if tests else sql.SQL("")

    def _change(self, table: Table, row: dict[str, Any] | None, *, plan: bool) -> tuple[sql.Composable, sql.Composable]:
        """A column that may be written, preferably a harmless one, set to the value that the row has."""
        usable = [c for c in table.columns if not c.generated and not c.identity_always]
        keys = {name for group in (table.primary_key, *table.unique) for name in group}
        usable.sort(key=lambda c: (c.name in keys, c.category not in {"S", "B", "N"}))
        column = usable[0].name if usable else table.columns[0].name
        value = None if plan or row is None else row.get(column)
        return sql.Identifier(column), literal(table, column, value)

    def _insert(self, table: Table) -> str:
        owner = self._planted.worlds[0]
        world = World("c", dict(owner.rows), owner=owner.name)
        owned = find_owned(self._database.schema).get(table.oid)
        draft = draft_row(table, self._database.schema, world, owned.users if owned else (), None)
        values = draft.values | self._learned(table, draft.values)
        counters = {column.name for column in table.columns if counts_up(table, column)}
        return insert_text(table, {k: v for k, v in values.items() if k not in counters}, self._session)

    def _learned(self, table: Table, values: dict[str, Any]) -> dict[str, Any]:
        """What the planted row needed beyond the first draft, such as a value that a CHECK allows."""
        row = self._planted.worlds[0].rows.get(table.oid) or {}
        unique = {name for group in (table.primary_key, *table.unique) for name in group}
        return {name: row[name] for name in values if name not in unique and row.get(name) is not None}

    def _act(self, caller: Caller, statement: str, *, counted: bool = False) -> tuple[int, psycopg.Error | None]:
        """Run one statement as a caller, and roll it back; the rows it counted or touched."""
        try:
            with self._watchdog.watch(self._session), self._session.transaction(force_rollback=True):
                self._session.execute(sql.SQL("set local role {}").format(sql.Identifier(caller.role)))
                self._session.execute("select set_config('request.jwt.claims', %s, true)", (caller.claims,))
                self._still(caller)
                cursor = self._session.execute(statement.encode(), binary=True)  # as in planting
                first = cursor.fetchone() if counted else None
                self._still(caller)
        except psycopg.Error as error:
            self._session = self._watchdog.revive(self._session, self._connect)
            return 0, error
        return int(first[0]) if first else max(cursor.rowcount, 0), None

    def _still(self, caller: Caller) -> None:
        """A probe that slipped out of its role proves nothing."""
        row = self._session.execute("select current_user").fetchone()
        if not row or row[0] != caller.role:
            raise psycopg.errors.InvalidRoleSpecification(f"the session is no longer {caller.role}")


def _reading(command: str, count: int, error: psycopg.Error | None) -> tuple[str, str]:
    """State and words for what came back."""
    if error is None:
        rows = f"{count} row{'' if count == 1 else 's'}"
        return ("allowed" if count else "denied"), f"{command} of {rows}"
    seen = f"ERROR {error.sqlstate}: {_message(error)}"
    if error.sqlstate in _CONSTRAINTS:
        return "unknown", f"{seen} (row level security let it pass, a constraint stopped it)"
    return ("denied" if error.sqlstate == "42501" else "error"), seen


def _message(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error) or type(error).__name__).splitlines()[0]
