"""Acts as the API's callers on the shadow database and writes down what each can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from auditor.facts.ownership import find_owned
from auditor.facts.rows import World
from auditor.sources.acting import PLAIN_LOGIN, Actor, Step, first_line
from auditor.sources.attempts import Attempt, Statements
from auditor.sources.callers import SERVICE, find_callers
from auditor.sources.cluster import REPLAY_ROLE
from auditor.sources.function_probes import FunctionProbe, probe_functions
from auditor.sources.plant_users import user_text
from auditor.sources.planting import Planter
from auditor.sources.readings import passed_by, reading, recursion, settled
from auditor.sources.realtime_probes import ChannelProbe, probe_realtime
from auditor.sources.storage_probes import BucketProbe, probe_storage
from auditor.sources.transcripts import Setup, Transcripts
from auditor.sources.view_probes import ViewProbe, probe_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.facts.ownership import Owned
    from auditor.facts.schema import Table
    from auditor.sources.acting import Outcome
    from auditor.sources.attempts import Try
    from auditor.sources.callers import Caller
    from auditor.sources.database import Database
    from auditor.sources.planting import Planted
    from auditor.sources.readings import Settled

COMMANDS = ("SELECT", "INSERT", "UPDATE", "DELETE")
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
    setup: Setup = field(default_factory=lambda: Setup("", {}, {}))


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
    objects = [*(bucket.planted for bucket in buckets), *(channel.planted for channel in channels)]
    setup = prober.transcripts.setup(prober.callers, objects)
    return Probed(tables, _summary(tables, prober.callers), views, buckets, functions, channels, setup)


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
        self._truncated: dict[tuple[int, str], Outcome] = {}

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
            self._truncate(tables, caller)
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
        tries = list(self._statements.of(table, caller, self.actor.session))
        for command in COMMANDS:
            if command not in granted:
                seen = f"{caller.role} holds no privilege for {command}"
                statement = next((t.statement for t in tries if t.command == command), "")
                result.attempts.append(Attempt(caller.name, command, "denied", seen, "", statement=statement))
            elif result.unplanted and command != "INSERT":
                result.attempts.append(Attempt(caller.name, command, "unknown", "no row to try it on", ""))
        possible = {"INSERT", "TRUNCATE"} if result.unplanted else {*COMMANDS, "TRUNCATE"}
        worth = [t for t in tries if t.command in possible & {*granted, "TRUNCATE"}]
        found = self._attempts(table, caller, worth)
        result.attempts += found
        if table.policies and table.rls and caller.name in {"anon", "stranger", caller.role} - {SERVICE}:
            result.plans += self._plans(table, caller, granted, found)

    def _plans(self, table: Table, caller: Caller, commands: Sequence[str], done: list[Attempt]) -> list[Attempt]:
        """What was carried out was planned before: only what was not, or failed there, is planned by itself."""
        fine = {a.command for a in done} - {a.command for a in done if a.state == "error"}
        known = [Attempt(caller.name, c, "allowed", "it was planned", "") for c in commands if c in fine]
        planned = [c for c in commands if c not in fine and (c != "UPDATE" or table.columns)]
        statements = [self._statements.plan(table, command, self.actor.session) for command in planned]
        outcomes = self.actor.attempts([Step(statement) for statement in statements])
        found = known
        for command, statement, outcome in zip(planned, statements, outcomes, strict=True):
            state, seen = ("allowed", "it can be planned") if outcome.error is None else recursion(outcome.error)
            script = self.transcripts.write([table.oid], caller, statement, rows=False) if state == "error" else ""
            found.append(Attempt(caller.name, command, state, seen, script))
        return found

    def _attempts(self, table: Table, caller: Caller, tries: list[Try]) -> list[Attempt]:
        emptied = self._truncated.get((table.oid, caller.role))
        outcomes = self.actor.attempts([Step(t.statement) for t in tries if t.command != "TRUNCATE" or not emptied])
        outcomes += [emptied] if emptied else []  # it is the last of them
        readings = [reading(t, outcome) for t, outcome in zip(tries, outcomes, strict=True)]
        changes = self._changes(tries, outcomes, readings)
        found = []
        for n, attempt in enumerate(tries):
            passed = passed_by(outcomes[n], table)
            found.append(self._written(table, caller, settled(attempt, readings[n], changes.get(n), passed=passed)))
            if attempt.command == "TRUNCATE":
                self._truncated[table.oid, caller.role] = outcomes[n]
        return found

    def _truncate(self, tables: list[Table], caller: Caller) -> None:
        """TRUNCATE asks for the role's privilege alone and is slow: once for each role will do, on all at once that it
        may empty. Where one stands in the way of the others, they are halved; by itself it is tried later.
        """
        if not tables or any(role == caller.role for _, role in self._truncated):
            return
        oids = ",".join(str(table.oid) for table in tables)
        held = f"select string_agg(t::text, ',') from unnest('{{{oids}}}'::oid[]) t where has_table_privilege(t, 'TRUNCATE')"  # noqa: S608, E501 - numbers
        own = {int(oid) for oid in (self.actor.attempt(held).value or "").split(",") if oid}
        waiting = [[table for table in tables if table.oid in own]] if own else []
        while waiting:
            some = waiting.pop()
            names = sql.SQL(", ").join(sql.Identifier(table.schema, table.name) for table in some)
            outcome = self.actor.attempt(sql.SQL("truncate table {} cascade").format(names).as_string())
            if outcome.error is None:
                self._truncated |= {(table.oid, caller.role): outcome for table in some}
            elif len(some) > 1:
                waiting += [some[: len(some) // 2], some[len(some) // 2 :]]

    def _changes(
        self, tries: list[Try], outcomes: list[Outcome], readings: list[tuple[str, str]]
    ) -> dict[int, bool | None]:
        """By number: whether a statement without WHERE changes the row after all, and whether a new row is there under
        the owner that it names. Only a service role sees that.
        """
        asked: dict[int, tuple[str, str]] = {}
        for n, attempt in enumerate(tries):
            state = readings[n][0]
            if state == "denied" and outcomes[n].error is None and attempt.blind:
                asked[n] = (attempt.blind, attempt.check)
            elif state == "allowed" and attempt.command == "INSERT" and attempt.check:
                asked[n] = (attempt.statement, attempt.check)
        if not asked or not self._database.supabase:
            return {}
        seen = self.actor.differences(list(asked.values()))
        return {n: None if pair is None else pair[0] != pair[1] for n, pair in zip(asked, seen, strict=True)}

    def _written(self, table: Table, caller: Caller, settled: Settled) -> Attempt:
        attempt = settled.attempt
        worth = (settled.state in _TELLS or settled.passed) and self._worth_showing(table, caller, attempt)
        script = self.transcripts.write([table.oid], caller, settled.statement) if worth else ""
        return Attempt(
            caller.name,
            attempt.command,
            settled.state,
            settled.seen,
            script,
            attempt.aim,
            attempt.column,
            settled.passed,
            settled.statement != attempt.statement,
            settled.statement,
        )

    def _worth_showing(self, table: Table, caller: Caller, attempt: Try) -> bool:
        """A transcript of an insider holds all of their world. What a stranger can do they can do as well, and what the
        service role may do needs no proof.
        """
        if attempt.aim != "others":
            return attempt.aim != "own"
        shown = self._shown.setdefault((table.oid, attempt.command), caller.name)
        return caller.name != SERVICE and (not caller.home or shown == caller.name)


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
