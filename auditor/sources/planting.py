"""Plants rows for two users in the shadow database, as the role that replayed it (never as a superuser)."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg import sql

from auditor.facts.ownership import Owned
from auditor.facts.row_solver import solve
from auditor.facts.rows import World, draft_row, order_tables
from auditor.sources.cluster import REPLAY_ROLE
from auditor.sources.plant_cycles import find_cycles, plant_cycle
from auditor.sources.plant_members import plant_members
from auditor.sources.plant_needs import needs_of, target_of
from auditor.sources.plant_refusals import emptied, learn, reason_of, triggers_of
from auditor.sources.plant_users import signed_in, signed_out, user_text, without_triggers

if TYPE_CHECKING:
    from collections.abc import Generator

    from auditor.facts.row_solver import Draft
    from auditor.facts.schema import Table
    from auditor.sources.database import Database

_MAX_TRIES = 80


@dataclass(slots=True)
class Planted:
    """What was planted: per world the statement that made each table's row (by oid), and why some could not be made.

    `found` are rows that a trigger made for the user, with the column that holds the user's id;
    `forced` are tables whose rows needed triggers and foreign keys switched off, `reasons` says why, there and where it
    failed; `seeded` are tables of nobody's in which a row of the history's own stands for one that could not be made.
    Where a trigger asks who is signed in, the statement begins with another one, which sets the claims.
    `needs` are statements of the other world that a row leads to (a follower and the one who is followed), in order.
    `members` are users who belong to world a's tenant through membership tables, with the statements that make them,
    after those of world a.
    """

    worlds: tuple[World, World]
    users: dict[str, str] = field(default_factory=dict)
    statements: dict[tuple[str, int], str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    found: dict[tuple[str, int], str] = field(default_factory=dict)
    forced: set[int] = field(default_factory=set)
    reasons: dict[int, str] = field(default_factory=dict)
    seeded: set[int] = field(default_factory=set)
    needs: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    members: dict[str, World] = field(default_factory=dict)
    member_statements: dict[str, list[str]] = field(default_factory=dict)


class Planter:
    """Rows for worlds `a` and `b` of one database."""

    def __init__(self, database: Database, owned: dict[int, Owned]) -> None:
        assert database.cluster
        assert database.watchdog
        self._schema = database.schema
        self._owned = owned
        self._watchdog = database.watchdog
        self._cluster = database.cluster
        self._drafts: dict[int, Draft] = {}
        self.session = self._connect()
        self.planted = Planted((World("a"), World("b")))

    def _connect(self) -> psycopg.Connection[Any]:
        return self._cluster.connect(REPLAY_ROLE, statement_timeout="5000", client_min_messages="error")

    def run(self) -> Planted:
        try:
            for world in self.planted.worlds:
                if self._schema.users:
                    self._user(world)
            rows = [(t, w) for t in order_tables(self._schema) if not t.partition for w in self.planted.worlds]
            # A trigger may look for rows that no foreign key leads to: what it refused is tried again after all others.
            left = [(table, world) for table, world in rows if self._plant(table, world)]
            for group in find_cycles([table for table, _ in left], self._schema):
                for world in self.planted.worlds:
                    plant_cycle(self, group, world)
            for table, world in left:
                if table.oid in world.rows:
                    continue
                if reason := self._plant(table, world):
                    self._second_try(table, world, reason)
            plant_members(self, self._schema, self._owned)
        finally:
            self.session.close()
        return self.planted

    def _user(self, world: World) -> None:
        text = user_text(world, self.session)
        self.planted.users[world.name] = text
        if self.execute(text) is not None:  # a trigger on auth.users refused: the user is needed all the same
            self.planted.users[world.name] = without_triggers(text)
            self.execute(text, replica=True)

    def _plant(self, table: Table, world: World) -> str | None:
        """One row, or the reason why not; what a trigger has already made for this user counts."""
        if (row := self.existing(table, world)) is not None:
            world.rows[table.oid] = row
            self.planted.found[world.name, table.oid] = self._owned[table.oid].users[0]
            return None
        draft = self.draft(table, world)
        reason = self.attempt(draft)
        self._drafts[table.oid] = draft
        return reason

    def draft(self, table: Table, world: World) -> Draft:
        owned = self._owned.get(table.oid, Owned())
        return draft_row(table, self._schema, world, owned.users, owned.tenant if not owned.through else None)

    def _second_try(self, table: Table, world: World, reason: str) -> None:
        """A row of the history's own where rows are nobody's; else one with triggers and foreign keys off."""
        self.planted.reasons[table.oid] = reason
        seed = self._seed(table)
        if seed and table.oid not in self._owned:
            world.rows[table.oid] = seed
            self.planted.seeded.add(table.oid)
        elif not self._force(self._drafts[table.oid]) and not self._force(self.draft(table, world)):
            self.planted.failed[table.oid] = reason
            if seed:
                world.borrowed[table.oid] = seed

    def _seed(self, table: Table) -> dict[str, Any] | None:
        order: list[sql.Composable] = [sql.Identifier(name) for name in table.primary_key] or [sql.SQL("1")]
        query = sql.SQL("select pg_catalog.to_jsonb(t.*) from {} t order by {} limit 1")
        return self._read(query.format(_name(table), sql.SQL(", ").join(order)))

    def existing(self, table: Table, world: World) -> dict[str, Any] | None:
        owned = self._owned.get(table.oid)
        if not owned or not owned.users:
            return None
        query = sql.SQL("select pg_catalog.to_jsonb(t.*) from {} t where {}::text = {} limit 1").format(
            _name(table), sql.Identifier(owned.users[0]), sql.Literal(world.user)
        )
        return self._read(query)

    def _read(self, query: sql.Composed) -> dict[str, Any] | None:
        try:
            with self._watchdog.watch(self.session):
                found = self.session.execute(query).fetchone()
        except psycopg.Error:
            self.session = self._watchdog.revive(self.session, self._connect)
            return None
        return dict(found[0]) if found else None

    def row(self, draft: Draft) -> dict[str, Any] | None:
        """What the server made of a draft, found by its primary key."""
        tests = [sql.SQL("{} = {}").format(sql.Identifier(name), literal(draft.table, name, draft.values.get(name)))
                 for name in draft.table.primary_key]  # fmt: skip
        query = sql.SQL("select pg_catalog.to_jsonb(t.*) from {} t where {}")
        return self._read(query.format(_name(draft.table), sql.SQL(" and ").join(tests))) if tests else None

    def insert_of(self, draft: Draft) -> str:
        return insert_text(draft.table, draft.values, self.session)

    def tenant_of(self, column: str, table: Table) -> Any:  # noqa: ANN401 - any SQL value
        """World a's tenant, as a column of a table would hold it."""
        first = self.planted.worlds[0]
        keys = [key for key in table.foreign_keys if key.columns == (column,)]
        found = [target_of(first, key, self._schema) for key in keys]
        return found[0] if found else first.rows.get(table.oid, {}).get(column)

    def attempt(self, draft: Draft, *, widen: bool = True) -> str | None:
        """Insert, and learn from each refusal; the reason when nothing helped."""
        claims, reason = "", "no candidate was left"
        for _ in range(_MAX_TRIES):
            error = self._insert(draft, claims=claims)
            if error is None or self._instead(draft, error):
                return None
            by_trigger = triggers_of(draft.table, error)
            if not claims:
                reason = reason_of(draft.table, error)
            if (by_trigger or emptied(draft, error)) and not claims:  # it may ask who is signed in
                claims = signed_in(draft.world)
                continue
            if learn(draft, error):
                continue
            if not widen or not self._widen(draft):
                break
            widen = False
        return reason

    def _instead(self, draft: Draft, error: psycopg.Error) -> bool:
        """Take over the row that a trigger made for the same key, when no column of the key is free to change."""
        columns = draft.table.indexes.get(error.diag.constraint_name or "", ())
        ours = error.sqlstate == "23505" and error.diag.table_name == draft.table.name and bool(columns)
        if not ours or not all(name in draft.fixed for name in columns):
            return False
        keys = {name for key in (draft.table.primary_key, columns) for name in key}
        changed = [name for name in draft.values if name not in keys] or [columns[0]]
        sets = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in changed)
        conflict = sql.SQL(", ").join(map(sql.Identifier, columns))
        tail = sql.SQL(" on conflict ({}) do update set {}").format(conflict, sets).as_string(self.session)
        return self._insert(draft, tail=tail) is None

    def _widen(self, draft: Draft) -> bool:
        """Let keys lead to the other world's rows: somebody can only follow somebody else.

        Where a row says who belongs to which tenant, both stay: whom it names would be no stranger there.
        """
        others = [world for world in self.planted.worlds if world.name != draft.world.name]
        owned = self._owned.get(draft.table.oid, Owned())
        bound = {owned.tenant, *owned.users} if owned.tenant else set()
        for key in draft.table.foreign_keys:
            if len(key.columns) == 1 and key.columns[0] not in bound:
                found = [target_of(world, key, self._schema) for world in others]
                draft.fixed[key.columns[0]] = [value for value in found if value is not None]
        return solve(draft)

    def _force(self, draft: Draft) -> bool:
        if self._insert(draft, replica=True) is not None:
            return False
        self.planted.forced.add(draft.table.oid)
        return True

    def _insert(self, draft: Draft, *, tail: str = "", claims: str = "", replica: bool = False) -> psycopg.Error | None:
        text = insert_text(draft.table, draft.values, self.session) + tail
        row_text = f"{text} returning pg_catalog.to_jsonb({_name(draft.table).as_string(self.session)}.*)"
        error = self.execute(row_text, draft, before=claims, replica=replica)
        if error is None:
            made = f"{claims};\n{text};\n{signed_out()}" if claims else text
            made = without_triggers(made) if replica else made
            self.planted.statements[draft.world.name, draft.table.oid] = made
            if needs := needs_of(draft, self.planted, self._schema):
                self.planted.needs[draft.world.name, draft.table.oid] = needs
        return error

    def execute(
        self, text: str, draft: Draft | None = None, *, before: str = "", replica: bool = False
    ) -> psycopg.Error | None:
        try:
            with self._watchdog.watch(self.session), self.session.transaction():
                if before:
                    self._run(before, returns=False)
                if replica:
                    self.session.execute("set local session_replication_role = replica")
                row = self._run(text, returns=draft is not None)
        except psycopg.Error as error:
            self.session = self._watchdog.revive(self.session, self._connect)
            return error
        if draft:
            if row is None:
                return psycopg.errors.TriggeredActionException("a trigger swallowed the row")
            draft.world.rows[draft.table.oid] = dict(row[0])
        return None

    def _run(self, text: str, *, returns: bool) -> tuple[Any, ...] | None:
        """The first row, if one is asked for: a rule of the history may make a billion of them out of one.

        Binary results only because psycopg then uses the protocol that drops what such a rule selects.
        """
        with self.session.cursor(binary=True) as cursor:
            if not returns:
                cursor.execute(text.encode())
                return None
            with contextlib.closing(cast("Generator[tuple[Any, ...]]", cursor.stream(text.encode()))) as rows:
                first = next(rows, None)
                next(rows, None)  # there is none as a rule: what is read to its end need not be cancelled
                return first


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(table.schema, table.name)


def insert_text(table: Table, values: dict[str, Any], session: psycopg.Connection[Any]) -> str:
    """The INSERT with its values written out: what is executed is what the transcript shows."""
    if not values:
        return sql.SQL("insert into {} default values").format(_name(table)).as_string(session)
    columns = sql.SQL(", ").join(map(sql.Identifier, values))
    literals = sql.SQL(", ").join(literal(table, name, value) for name, value in values.items())
    always = any(column.identity_always and column.name in values for column in table.columns)
    overriding = sql.SQL(" overriding system value" if always else "")
    pattern = sql.SQL("insert into {} ({}){} values ({})")
    return pattern.format(_name(table), columns, overriding, literals).as_string(session)


def literal(table: Table, name: str, value: Any) -> sql.Literal:  # noqa: ANN401 - any JSON value
    """A value as the server gave it (jsonb of the row) or as the row maker chose it, written for its column."""
    column = table.column(name)
    is_array = column is not None and column.category == "A"
    return sql.Literal(
        json.dumps(value) if isinstance(value, dict) or (isinstance(value, list) and not is_array) else value
    )
