"""What a caller tries on a table: statements over rows that are their own and rows that are somebody else's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from psycopg import sql

from auditor.facts.ownership import Owned
from auditor.facts.privileged_columns import privileged_columns
from auditor.facts.rows import World, counts_up, draft_row
from auditor.sources.planting import insert_text, literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import psycopg

    from auditor.facts.schema import Column, Table
    from auditor.sources.callers import Caller
    from auditor.sources.database import Database
    from auditor.sources.planting import Planted

Aim = Literal["own", "others", "join", "move", "raise"]
"""Whose row: the caller's own, somebody else's, a new one of the caller's in another tenant, the caller's own given to
another owner or tenant, the caller's own with more privilege.
"""
_LABELS = ("superadmin", "super_admin", "admin", "owner", "administrator", "enterprise", "premium", "pro", "active")


@dataclass(frozen=True, slots=True)
class Try:
    """One statement; `column` and `value` are what a `move` or a `raise` sets, which must be there afterwards. `blind`
    is the same without WHERE. What `check` returns must be another afterwards: how many rows there are for an INSERT,
    the version of the row in question for a `blind` statement.
    """

    command: str
    aim: Aim
    statement: str
    column: str = ""
    value: Any = None
    blind: str = ""
    check: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one try: `state` is allowed, denied, error or unknown; `seen` in the reader's words; `script` what a
    reviewer can run, empty where there is nothing to see. `passed` says that row level security let it through and a
    constraint of the table stopped it: those are checked later. `blind` says that only a statement without WHERE got
    through. `statement` is what was tried, also where there is no script of its own.
    """

    caller: str
    command: str
    state: str
    seen: str
    script: str
    aim: str = "others"
    column: str = ""
    passed: bool = False
    blind: bool = False
    statement: str = ""

    @property
    def refused(self) -> bool:
        return self.state == "denied"


class Statements:
    """Writes the statements for the tables of one database."""

    def __init__(self, database: Database, planted: Planted, owned: dict[int, Owned]) -> None:
        self._schema = database.schema
        self._worlds = {world.name: world for world in planted.worlds}
        self._found = planted.found
        self._owned = owned
        self._made: dict[tuple[int, Aim, str, str], list[Try]] = {}
        assert database.cluster

    def of(self, table: Table, caller: Caller, session: psycopg.Connection[Any]) -> Iterator[Try]:
        """Everything that `caller` tries on `table`."""
        own = self._row(table, caller.home)
        others = self._row(table, caller.foreign)
        if others is not None and caller.user and caller.user in map(str, others.values()):
            # Who is followed, who gets the message: the row is of both, and for both of them to see.
            make = partial(self._on_row, table, "own", caller.foreign, session)
            yield from self._once((table.oid, "own", caller.foreign, ""), make)
        elif others is not None:
            blind = not caller.home
            make = partial(self._on_row, table, "others", caller.foreign, session, blind=blind)
            yield from self._once((table.oid, "others", caller.foreign, "blind" if blind else ""), make)
        if own is not None and table.oid in self._owned:
            make = partial(self._on_row, table, "own", caller.home, session)
            yield from self._once((table.oid, "own", caller.home, ""), make)
            if caller.name in {"owner", "other"}:
                yield from self._changes(table, caller, own, others or {}, session)
        yield from self._inserts(table, caller, session)
        yield Try("TRUNCATE", "others", f"truncate table {_name(table).as_string(session)} cascade")

    def _once(self, key: tuple[int, Aim, str, str], make: Callable[[], Iterable[Try]]) -> list[Try]:
        """Callers with the same rows before them try the same."""
        if key not in self._made:
            self._made[key] = list(make())
        return self._made[key]

    def plan(self, table: Table, command: str, session: psycopg.Connection[Any]) -> str:
        """EXPLAIN finds infinite recursion at plan time, with no rows at all."""
        name = _name(table)
        text = {
            "SELECT": sql.SQL("select * from {}").format(name),
            "INSERT": sql.SQL("insert into {} default values").format(name),
            "DELETE": sql.SQL("delete from {}").format(name),
        }.get(command) or sql.SQL("update {} set {} = null").format(name, sql.Identifier(_harmless(table).name))
        return f"explain {text.as_string(session)}"

    def count(self, table: Table, world: str, session: psycopg.Connection[Any]) -> str:
        where = self._where(table, world)
        return (sql.SQL("select count(*) from {}").format(_name(table)) + where).as_string(session)

    def _row(self, table: Table, world: str) -> dict[str, Any] | None:
        return self._worlds[world].rows.get(table.oid) if world in self._worlds else None

    def _on_row(
        self, table: Table, aim: Aim, world: str, session: psycopg.Connection[Any], *, blind: bool = False
    ) -> Iterator[Try]:
        where, name = self._where(table, world), _name(table)
        seen = (sql.SQL("select xmin::text from {}").format(name) + where).as_string(session)
        yield Try("SELECT", aim, self.count(table, world, session))
        if table.columns:
            column = _harmless(table)
            row = self._row(table, world) or {}
            change = sql.SQL("update {} set {} = {}").format(
                name, sql.Identifier(column.name), literal(table, column.name, row.get(column.name))
            )
            yield Try(
                "UPDATE", aim, (change + where).as_string(session), blind=_bare(change, session, blind), check=seen
            )
        delete = sql.SQL("delete from {}").format(name)
        yield Try("DELETE", aim, (delete + where).as_string(session), blind=_bare(delete, session, blind), check=seen)

    def _changes(
        self,
        table: Table,
        caller: Caller,
        own: dict[str, Any],
        others: dict[str, Any],
        session: psycopg.Connection[Any],
    ) -> Iterator[Try]:
        owned = self._owned[table.oid]
        moved = [name for name in (*owned.users, owned.tenant) if name and (name,) != table.primary_key]
        for name in moved:
            value = others.get(name)
            if value is not None and value != own.get(name):
                yield self._set(table, "move", name, value, caller, session)
        for name in privileged_columns(table, owned):
            column = table.column(name)
            value = _more(table, column, own.get(name)) if column else None
            if column and not column.generated and value is not None:
                yield self._set(table, "raise", name, value, caller, session)

    def _set(
        self,
        table: Table,
        aim: Aim,
        name: str,
        value: Any,  # noqa: ANN401 - any SQL value
        caller: Caller,
        session: psycopg.Connection[Any],
    ) -> Try:
        where = self._where(table, caller.home)
        text = sql.SQL("update {} set {} = {}").format(_name(table), sql.Identifier(name), literal(table, name, value))
        returned = sql.SQL(" returning {}::text").format(sql.Identifier(name))
        return Try("UPDATE", aim, (text + where + returned).as_string(session), name, value)

    def _inserts(self, table: Table, caller: Caller, session: psycopg.Connection[Any]) -> Iterator[Try]:
        owned = self._owned.get(table.oid, Owned())
        home, foreign = self._worlds.get(caller.home), self._worlds[caller.foreign]
        wanted: list[tuple[Aim, World, World]] = [("others", foreign, foreign)]
        if home and caller.name in {"owner", "other"}:
            wanted.append(("own", home, home))
            if owned.users and owned.tenant:
                wanted.append(("join", home, foreign))
        for aim, user, tenant in wanted:
            key = (table.oid, aim, user.name, f"insert for {tenant.name}")
            yield from self._once(key, partial(self._insert, table, owned, aim, user, tenant, session))

    def _insert(
        self, table: Table, owned: Owned, aim: Aim, user: World, tenant: World, session: psycopg.Connection[Any]
    ) -> Iterator[Try]:
        """A new row in the name of `user`, among what belongs to `tenant`."""
        person = user.user
        rows = tenant.rows | {oid: row for oid, row in user.rows.items() if _is_person(row, person)}
        draft = draft_row(table, self._schema, World("c", rows, owner=user.name), owned.users, None)
        planted = tenant.rows.get(table.oid) or {}
        unique = {name for group in (table.primary_key, *table.unique) for name in group} | set(owned.users)
        # What the planted row needed beyond the first draft, such as a value that a CHECK allows; what has a default
        # may have been filled by a trigger, with the time of day.
        needed = {column.name for column in table.columns if column.default is None} - unique
        learned = {n: planted[n] for n in draft.values if n in needed and planted.get(n) is not None}
        counters = {column.name for column in table.columns if counts_up(table, column)}
        values = {k: v for k, v in (draft.values | learned).items() if k not in counters}
        belongs = {name: values[name] for name in (*owned.users, owned.tenant) if name and values.get(name) is not None}
        check = self._matching(table, belongs).as_string(session) if belongs and aim != "own" else ""
        yield Try("INSERT", aim, insert_text(table, values, session), owned.tenant or "", check=check)

    def _matching(self, table: Table, values: dict[str, Any]) -> sql.Composable:
        tests = [sql.SQL("{} = {}").format(sql.Identifier(n), literal(table, n, v)) for n, v in values.items()]
        return sql.SQL("select count(*) from {} where ").format(_name(table)) + sql.SQL(" and ").join(tests)

    def _where(self, table: Table, world: str) -> sql.Composable:
        row = self._row(table, world)
        if row is None:
            return sql.SQL(" where false")
        if column := self._found.get((world, table.oid)):  # its key is whatever the trigger made up
            return sql.SQL(" where {} = {}").format(sql.Identifier(column), sql.Literal(self._worlds[world].user))
        keys = [
            key
            for key in table.primary_key or tuple(row)
            if row.get(key) is not None and not isinstance(row[key], dict | list)
        ]
        if not table.primary_key:
            keys = [key for key in keys if (c := table.column(key)) and c.category in {"S", "U", "N"}][:4]
        tests = [sql.SQL("{} = {}").format(sql.Identifier(key), sql.Literal(row[key])) for key in keys]
        return sql.SQL(" where ") + sql.SQL(" and ").join(tests) if tests else sql.SQL("")


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(table.schema, table.name)


def _bare(statement: sql.Composable, session: psycopg.Connection[Any], wanted: bool) -> str:
    """With no WHERE the policy for SELECT has no say."""
    return statement.as_string(session) if wanted else ""


def _is_person(row: dict[str, Any], user: str) -> bool:
    """A profile: the row's own id is the user's."""
    return str(row.get("id", row.get("user_id"))) == user


def _harmless(table: Table) -> Column:
    """A column that may be written, preferably none that means much."""
    usable = [c for c in table.columns if not c.generated and not c.identity_always] or list(table.columns)
    keys = {name for group in (table.primary_key, *table.unique) for name in group}
    return min(usable, key=lambda c: (c.name in keys, c.category not in {"S", "B", "N"}))


def _more(table: Table, column: Column, present: Any) -> Any:  # noqa: ANN401 - any SQL value
    """A value of a privileged column that gives more than `present`; None where none is known."""
    if column.category == "B":
        return not present
    if column.category == "N":
        return (float(present) if isinstance(present, str) else present or 0) + 1000
    if column.category == "D":
        return "2099-01-01 00:00:00+00"
    text = " ".join(table.checks.values())
    known = column.elements or tuple(label for label in _LABELS if f"'{label}'" in text)
    better = [label for label in _LABELS if label in {name.lower() for name in known}]
    if column.elements:
        return next((name for name in column.elements for label in better if name.lower() == label), None)
    if column.type in {"text", "character varying"}:
        return next((label for label in better if label != present), "admin" if present != "admin" else "owner")
    return None
