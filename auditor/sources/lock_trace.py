"""Follows what a replayed file locks and copies: read in its own session, before its transaction ends."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import psycopg

from auditor.facts.locks import Trace, made_in, may_rewrite, quoted, traced_relation, with_locks

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.facts.statements import Statement

# They run as the replay role, in a session whose search_path the history may have set: every name says its schema.
_HELD = """
select n.nspname, c.relname, l.mode from pg_catalog.pg_locks as l
join pg_catalog.pg_class as c on c.oid operator(pg_catalog.=) l.relation
join pg_catalog.pg_namespace as n on n.oid operator(pg_catalog.=) c.relnamespace
where l.pid operator(pg_catalog.=) pg_catalog.pg_backend_pid() and l.granted
  and n.nspname operator(pg_catalog.<>) 'pg_catalog'
"""
_FILE = "select pg_catalog.pg_relation_filenode(pg_catalog.to_regclass(%s))::pg_catalog.int8"


class Untraced(Exception):  # noqa: N818 - not the statement's failure: only the look at its table failed
    """The history has set its session so that nothing can be read."""


class LockTrace:
    """The traces of one replay, by statement number: only of statements that are judged, on tables older than the file.

    The locks are read once for a transaction, at its end, when it holds all of them.
    """

    def __init__(self, traces: dict[int, Trace]) -> None:
        self._traces = traces
        self._on = True
        self._skipped: set[int] = set()
        self._new: frozenset[str] = frozenset()
        self._pending: dict[int, tuple[Statement, Trace]] = {}

    def begin(self, statements: list[Statement]) -> None:
        """A file begins."""
        self._new = made_in(statements) if self._on else frozenset()
        self._pending.clear()

    def stop(self) -> None:
        """Look no more: the session does not let us."""
        self._on = False
        self._pending.clear()

    def skip(self, statement: Statement) -> None:
        """Do not look at this one: its role cannot."""
        self._skipped.add(statement.number)

    def run(self, session: psycopg.Connection[Any], statement: Statement, send: Callable[[], None]) -> None:
        """Send a statement, and note whether the table that it names has another file on disk after it."""
        name = traced_relation(statement) if self._on and statement.number not in self._skipped else None
        if name is None or statement.body.relation.relname in self._new:
            send()
            return
        before = _file(session, name) if may_rewrite(statement) else None
        send()
        rewritten = before is not None and before != _file(session, name)
        self._pending[statement.number] = (statement, Trace(name, rewritten=rewritten))

    def end(self, session: psycopg.Connection[Any]) -> None:
        """A transaction is about to end: read what it holds on the tables of its statements."""
        if not self._pending:
            return
        held: dict[str, set[str]] = defaultdict(set)
        try:
            for schema, name, mode in session.execute(_HELD.encode()).fetchall():
                held[quoted(name)].add(mode)
                held[quoted(schema, name)].add(mode)
        except psycopg.Error as error:
            raise Untraced from error
        self._traces.update(with_locks(self._pending, {name: frozenset(modes) for name, modes in held.items()}))
        self._pending.clear()


def _file(session: psycopg.Connection[Any], relation: str) -> int | None:
    try:
        row = session.execute(_FILE.encode(), (relation,)).fetchone()
    except psycopg.Error as error:
        raise Untraced from error
    return row[0] if row else None
