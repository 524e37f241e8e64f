"""Plants rows for two users in the shadow database, as the role that replayed it (never as a superuser)."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg import sql

from auditor.facts.ownership import Owned
from auditor.facts.rows import World, columns_of_check, draft_row, next_try, order_tables, value_for
from auditor.sources.cluster import REPLAY_ROLE

if TYPE_CHECKING:
    from collections.abc import Generator

    from auditor.facts.rows import Draft
    from auditor.facts.schema import Table
    from auditor.sources.database import Database

_MAX_TRIES = 80


@dataclass(slots=True)
class Planted:
    """What was planted: per world the statement that made each table's row (by oid), and why some could not be made.

    `found` are rows that a trigger made for the user, with the column that holds the user's id;
    `forced` are tables whose rows needed triggers and foreign keys switched off.
    """

    worlds: tuple[World, World]
    users: dict[str, str] = field(default_factory=dict)
    statements: dict[tuple[str, int], str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    found: dict[tuple[str, int], str] = field(default_factory=dict)
    forced: set[int] = field(default_factory=set)


class Planter:
    """Rows for worlds `a` and `b` of one database."""

    def __init__(self, database: Database, owned: dict[int, Owned]) -> None:
        assert database.cluster
        assert database.watchdog
        self._schema = database.schema
        self._owned = owned
        self._watchdog = database.watchdog
        self._cluster = database.cluster
        self.session = self._connect()
        self.planted = Planted((World("a"), World("b")))

    def _connect(self) -> psycopg.Connection[Any]:
        return self._cluster.connect(REPLAY_ROLE, statement_timeout="5000", client_min_messages="error")

    def run(self) -> Planted:
        try:
            for world in self.planted.worlds:
                if self._schema.users:
                    self._user(world)
                for table in order_tables(self._schema):
                    self._plant(table, world)
        finally:
            self.session.close()
        return self.planted

    def _user(self, world: World) -> None:
        names = {"full_name": f"Audit {world.name}", "name": f"Audit {world.name}", "username": f"audit_{world.name}",
                 "user_name": f"audit_{world.name}", "first_name": "Audit", "last_name": world.name,
                 "avatar_url": "https://example.com/a.png", "email": world.email}  # fmt: skip
        statement = sql.SQL(
            "insert into auth.users (id, instance_id, aud, role, email, email_confirmed_at, raw_app_meta_data,"
            " raw_user_meta_data, created_at, updated_at) values ({}, {}, 'authenticated', 'authenticated', {},"
            ' {time}, \'{{"provider": "email"}}\', {}, {time}, {time})'
        ).format(
            sql.Literal(world.user),
            sql.Literal("00000000-0000-0000-0000-000000000000"),
            sql.Literal(world.email),
            sql.Literal(json.dumps(names)),
            time=sql.Literal("2026-01-01 00:00:00+00"),
        )
        text = statement.as_string(self.session)
        self.planted.users[world.name] = text
        if self._try(text) is not None:  # a trigger on auth.users refused: the user is needed all the same
            self._try(text, replica=True)

    def _plant(self, table: Table, world: World) -> None:
        """One row; what a trigger has already made for this user counts."""
        if table.partition:
            return
        if (row := self._existing(table, world)) is not None:
            world.rows[table.oid] = row
            self.planted.found[world.name, table.oid] = self._owned[table.oid].users[0]
            return
        owned = self._owned.get(table.oid, Owned())
        draft = draft_row(table, self._schema, world, owned.users, owned.tenant if not owned.through else None)
        reason = self._attempts(draft)
        if reason and not self._force(draft):
            self.planted.failed[table.oid] = reason

    def _existing(self, table: Table, world: World) -> dict[str, Any] | None:
        owned = self._owned.get(table.oid)
        if not owned or not owned.users:
            return None
        query = sql.SQL("select pg_catalog.to_jsonb(t.*) from {} t where {}::text = {} limit 1").format(
            _name(table), sql.Identifier(owned.users[0]), sql.Literal(world.user)
        )
        try:
            with self._watchdog.watch(self.session):
                found = self.session.execute(query).fetchone()
        except psycopg.Error:
            self.session = self._watchdog.revive(self.session, self._connect)
            return None
        return dict(found[0]) if found else None

    def _attempts(self, draft: Draft) -> str | None:
        """Insert, and learn from each refusal; the last refusal when nothing helped."""
        reason = "no candidate was left"
        for _ in range(_MAX_TRIES):
            error = self._insert(draft)
            if error is None:
                return None
            reason = error.diag.message_primary or str(error)
            if not _learn(draft, error):
                break
        return reason

    def _force(self, draft: Draft) -> bool:
        if self._insert(draft, replica=True) is not None:
            return False
        self.planted.forced.add(draft.table.oid)
        return True

    def _insert(self, draft: Draft, *, replica: bool = False) -> psycopg.Error | None:
        text = insert_text(draft.table, draft.values, self.session)
        error = self._try(
            f"{text} returning pg_catalog.to_jsonb({_name(draft.table).as_string(self.session)}.*)",
            draft,
            replica=replica,
        )
        if error is None:
            self.planted.statements[draft.world.name, draft.table.oid] = text
        return error

    def _try(self, text: str, draft: Draft | None = None, *, replica: bool = False) -> psycopg.Error | None:
        try:
            with self._watchdog.watch(self.session), self.session.transaction():
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
                return next(rows, None)


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


def _learn(draft: Draft, error: psycopg.Error) -> bool:
    """Change the draft by what an error says; False when nothing can be learned."""
    state, diag, table = error.sqlstate or "", error.diag, draft.table
    if state == "23502" and diag.column_name and diag.table_name == table.name:
        return _fill(draft, diag.column_name)
    if state == "23514" and diag.table_name == table.name:
        return next_try(draft, columns_of_check(table, diag.constraint_name or ""))
    if state == "23514" and diag.datatype_name:
        return next_try(draft, [column.name for column in table.columns if column.domain == diag.datatype_name])
    if state == "23505" and diag.table_name == table.name:
        return next_try(draft, [name for group in table.unique for name in group if not _is_key(table, name)])
    if state[:2] == "22":
        return next_try(draft, [name for name in draft.values if not _is_key(table, name)])
    return False


def _fill(draft: Draft, name: str) -> bool:
    column = draft.table.column(name)
    if column is None or draft.values.get(name) is not None:
        return False
    draft.values[name] = value_for(draft.table, column, draft.world, 0)
    return True


def _is_key(table: Table, name: str) -> bool:
    return any(name in key.columns for key in table.foreign_keys)
