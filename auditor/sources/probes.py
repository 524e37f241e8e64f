"""Acts as the API's callers on the shadow database and writes down what each can do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from auditor.facts.ownership import find_owned
from auditor.facts.rows import World
from auditor.sources.acting import PLAIN_LOGIN, Actor, Outcome, first_line
from auditor.sources.attempts import Attempt, Statements, Try
from auditor.sources.callers import SERVICE, find_callers
from auditor.sources.cluster import REPLAY_ROLE
from auditor.sources.function_probes import FunctionProbe, probe_functions
from auditor.sources.plant_users import user_text
from auditor.sources.planting import Planter
from auditor.sources.realtime_probes import ChannelProbe, probe_realtime
from auditor.sources.storage_probes import BucketProbe, probe_storage
from auditor.sources.transcripts import Transcripts
from auditor.sources.view_probes import ViewProbe, probe_views

if TYPE_CHECKING:
    from auditor.facts.ownership import Owned
    from auditor.facts.schema import Table
    from auditor.sources.callers import Caller
    from auditor.sources.database import Database
    from auditor.sources.planting import Planted

COMMANDS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_CONSTRAINTS = {"23502", "23503", "23505", "23514", "23P01"}
_REFUSALS = {"42501", "P0001"}  # no privilege or policy, and a trigger that raises an exception of its own
_REFERENCED = "0A000"  # TRUNCATE of a table that a foreign key points to
_NOTHING = "no table is exposed to an API role: nothing to try"
_TELLS = {"allowed", "error"}


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
    """The probes of one database, tables by their oid."""

    tables: dict[int, TableProbe]
    summary: list[str]
    views: list[ViewProbe] = field(default_factory=list)
    buckets: list[BucketProbe] = field(default_factory=list)
    functions: list[FunctionProbe] = field(default_factory=list)
    channels: list[ChannelProbe] = field(default_factory=list)


def probe(database: Database) -> Probed:
    """Plan every command on every table with policies, plant rows, and try what each caller can do with them."""
    exposed = [table for table in database.schema.exposed if database.api_roles and not table.partition]
    if not exposed and not database.supabase:
        return Probed({}, [_NOTHING])
    owned = find_owned(database.schema)
    planted = Planter(database, owned).run()
    prober = _Prober(database, planted, owned)
    try:
        tables = prober.run(exposed)
        views = probe_views(database, planted, prober.callers, prober.actor, prober.transcripts)
        functions = probe_functions(database, planted, owned, prober.callers, prober.actor, prober.transcripts)
        buckets = probe_storage(database, planted, prober.callers, prober.actor)
        channels = probe_realtime(database, planted, owned, prober.callers, prober.actor)
    finally:
        prober.actor.close()
    return Probed(tables, _summary(tables, prober.callers), views, buckets, functions, channels)


def _summary(tables: dict[int, TableProbe], callers: list[Caller]) -> list[str]:
    if not tables:
        return [_NOTHING]
    honest = sum(1 for result in tables.values() if result.unplanted is None and not result.forced)
    forced = sum(1 for result in tables.values() if result.unplanted is None and result.forced)
    tried = sum(len(result.attempts) for result in tables.values())
    return [
        f"rows planted in {honest} of {len(tables)} exposed tables, {forced} more with triggers off",
        f"{tried} attempts by {', '.join(caller.name for caller in callers)}",
    ]


class _Prober:
    def __init__(self, database: Database, planted: Planted, owned: dict[int, Owned]) -> None:
        self._database = database
        self._planted = planted
        self._owned = owned
        self._statements = Statements(database, planted, owned)
        self.transcripts = Transcripts(database.schema, planted)
        self.callers = find_callers(database, planted)
        if database.supabase:
            _sign_up(database, planted, self.callers)
        else:
            _let_in(database)
        self.actor = Actor(database)
        self._shown: dict[tuple[int, str], str] = {}
        self._truncated: dict[tuple[int, str], Attempt] = {}

    def run(self, tables: list[Table]) -> dict[int, TableProbe]:
        lost = self._lost(tables)
        found = {}
        for table in tables:
            reason = lost.get(table.oid)
            if self._planted.worlds[0].rows.get(table.oid) is None:
                reason = self._planted.failed.get(table.oid, "no row could be made")
            found[table.oid] = TableProbe(table, self._owned.get(table.oid), reason, table.oid in self._planted.forced)
        for caller in self.callers:
            self.actor.become(caller)
            for result in found.values():
                self._table(result, caller)
        return found

    def _lost(self, tables: list[Table]) -> dict[int, str]:
        """Tables whose planted row is not there: a denial there would mean nothing."""
        assert self._database.cluster
        assert self._database.watchdog
        lost = {}
        with self._database.cluster.connect(REPLAY_ROLE, statement_timeout="5000") as session:
            for table in tables:
                if self._planted.worlds[0].rows.get(table.oid) is None:
                    continue
                try:
                    with self._database.watchdog.watch(session):
                        row = session.execute(self._statements.count(table, "a", session).encode()).fetchone()
                except psycopg.Error as error:
                    lost[table.oid] = f"the planted row cannot be read: {first_line(error)}"
                    if session.closed:
                        break
                    continue
                if not row or not row[0]:
                    lost[table.oid] = "the planted row is not there any more"
        return lost

    def _table(self, result: TableProbe, caller: Caller) -> None:
        table = result.table
        granted = table.privileges.get(caller.role, () if caller.role in self._database.api_roles else COMMANDS)
        if table.policies and table.rls and caller.name in {"anon", "stranger", caller.role}:
            result.plans += [self._plan(table, caller, command) for command in granted]
        for command in COMMANDS:
            if command not in granted:
                seen = f"{caller.role} holds no privilege for {command}"
                result.attempts.append(Attempt(caller.name, command, "denied", seen, ""))
            elif result.unplanted and command != "INSERT":
                result.attempts.append(Attempt(caller.name, command, "unknown", "no row to try it on", ""))
        for attempt in self._statements.of(table, caller, self.actor.session):
            worth = not result.unplanted or attempt.command in {"INSERT", "TRUNCATE"}
            if worth and attempt.command in {*granted, "TRUNCATE"}:
                result.attempts.append(self._once(table, caller, attempt))

    def _plan(self, table: Table, caller: Caller, command: str) -> Attempt:
        if command == "UPDATE" and not table.columns:
            return Attempt(caller.name, command, "denied", "there is nothing to set", "")
        statement = self._statements.plan(table, command, self.actor.session)
        outcome = self.actor.attempt(statement)
        if outcome.error is None:
            return Attempt(caller.name, command, "allowed", f"{outcome.count} lines of plan", "")
        state = "error" if outcome.error.sqlstate == "42P17" else "denied"
        script = self.transcripts.write([table.oid], caller, statement, rows=False) if state == "error" else ""
        return Attempt(caller.name, command, state, _words(outcome.error), script)

    def _once(self, table: Table, caller: Caller, attempt: Try) -> Attempt:
        """TRUNCATE asks for the role's privilege alone and is slow: once for each role will do."""
        if attempt.command != "TRUNCATE":
            return self._attempt(table, caller, attempt)
        key = (table.oid, caller.role)
        if key not in self._truncated:
            self._truncated[key] = self._attempt(table, caller, attempt)
        return replace(self._truncated[key], caller=caller.name)

    def _attempt(self, table: Table, caller: Caller, attempt: Try) -> Attempt:
        statement = attempt.statement
        outcome = self.actor.attempt(statement, reads=attempt.command == "SELECT" or attempt.aim in {"move", "raise"})
        state, seen = _reading(attempt, outcome)
        if (
            state == "denied"
            and outcome.error is None
            and attempt.blind
            and self._changes(attempt.blind, attempt.check)
        ):
            statement, state, seen = attempt.blind, "allowed", f"{attempt.command} of rows without a WHERE"
        elif state == "allowed" and self._is_anothers(attempt):
            state, seen = "denied", f"{seen}, but it belongs to another than the statement names"
        passed = _passed(outcome, table)
        worth = (state in _TELLS or passed) and self._worth_showing(table, caller, attempt)
        script = self.transcripts.write([table.oid], caller, statement) if worth else ""
        return Attempt(
            caller.name,
            attempt.command,
            state,
            seen,
            script,
            attempt.aim,
            attempt.column,
            passed,
            statement != attempt.statement,
        )

    def _worth_showing(self, table: Table, caller: Caller, attempt: Try) -> bool:
        """A transcript of an insider holds all of their world. What a stranger can do they can do as well, and what the
        service role may do needs no proof.
        """
        if attempt.aim != "others":
            return attempt.aim != "own"
        shown = self._shown.setdefault((table.oid, attempt.command), caller.name)
        return caller.name != SERVICE and (not caller.home or shown == caller.name)

    def _is_anothers(self, attempt: Try) -> bool:
        """Whether a trigger gave a new row another owner than the statement did."""
        asks = attempt.command == "INSERT" and attempt.check
        return bool(asks) and self._changes(attempt.statement, attempt.check) is False

    def _changes(self, statement: str, check: str) -> bool | None:
        """Whether a statement makes `check` return another value, which only a service role sees; None if unknown."""
        seen = self.actor.differs(statement, check) if self._database.supabase else None
        return None if seen is None else seen[0] != seen[1]


def _sign_up(database: Database, planted: Planted, callers: list[Caller]) -> None:
    """Make users of those who own nothing: rows in their name must fail for no other reason than a policy."""
    assert database.cluster
    assert database.watchdog
    for caller in callers:
        if not caller.user or caller.home:
            continue
        with database.cluster.connect(REPLAY_ROLE, statement_timeout="5000") as session:
            text = user_text(World(caller.name), session)
            try:
                with database.watchdog.watch(session):
                    session.execute(text.encode())
            except psycopg.Error:  # a trigger refuses it: their claims are all that they have, then
                continue
            planted.users[caller.name] = text


def _let_in(database: Database) -> None:
    """Let the login role of a plain server take the API's roles, by the role that made them."""
    assert database.cluster
    with database.cluster.connect(REPLAY_ROLE) as session:
        for role in database.api_roles:
            try:
                session.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(PLAIN_LOGIN)))
            except psycopg.Error:  # not its own to give: nobody can act as that role, which is said then
                continue


def _reading(attempt: Try, outcome: Outcome) -> tuple[str, str]:
    """State and words for what came back."""
    if outcome.error is not None:
        return _refusal(attempt, outcome.error)
    if attempt.command == "TRUNCATE":
        return "allowed", "TRUNCATE of all rows"
    count = int(outcome.value or 0) if attempt.command == "SELECT" else outcome.count
    rows = f"{attempt.command} of {count} row{'' if count == 1 else 's'}"
    if count and attempt.aim in {"move", "raise"} and not _same(outcome.value, attempt.value):
        return "denied", f"{rows}, and {attempt.column} is {outcome.value} afterwards, not {attempt.value}"
    return ("allowed" if count else "denied"), rows


def _refusal(attempt: Try, error: psycopg.Error) -> tuple[str, str]:
    seen = _words(error)
    if error.sqlstate in _CONSTRAINTS and (error.diag.constraint_name or error.diag.column_name):
        return "unknown", f"{seen} (row level security let it pass, a constraint stopped it)"
    if error.sqlstate == _REFERENCED and attempt.command == "TRUNCATE":
        return "unknown", f"{seen} (the privilege is held, a foreign key stopped it)"
    # A constraint's code without a constraint was raised by a function, in its own words.
    return ("denied" if error.sqlstate in _REFUSALS | _CONSTRAINTS else "error"), seen


def _passed(outcome: Outcome, table: Table) -> bool:
    """Whether a constraint of this very table spoke: WITH CHECK comes before; a trigger's own tables do not count."""
    error = outcome.error
    if error is None or error.sqlstate not in _CONSTRAINTS:
        return False
    return error.diag.table_name == table.name and "PL/pgSQL" not in (error.diag.context or "")


def _same(seen: Any, wanted: Any) -> bool:  # noqa: ANN401 - any SQL value
    """Whether a column holds what was written, as text."""
    if isinstance(wanted, bool):
        return str(seen).lower() in {"true", "t"} if wanted else str(seen).lower() in {"false", "f"}
    if isinstance(wanted, int | float):
        return float(seen) == float(wanted)
    return str(seen) == str(wanted) or (len(str(wanted)) > 4 and str(seen)[:4] == str(wanted)[:4] == "2099")  # noqa: PLR2004 - a year


def _words(error: psycopg.Error) -> str:
    return f"ERROR {error.sqlstate}: {first_line(error)}"
