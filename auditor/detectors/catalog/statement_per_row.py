"""Statements of a live server that look like one query per row: very many calls of a lookup of one row by its key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.model import Answer, DbObject, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.database import Database

_VIEW = """
select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as identity
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
cross join setting g
where g.live and c.relname = 'pg_stat_statements' and c.relkind = 'v' and has_table_privilege(c.oid, 'SELECT')
  and has_schema_privilege(n.oid, 'USAGE')
limit 1
"""
_BY_KEY = re.compile(r"\bwhere\b[^;]*=\s*\$\d+\)*\s*(?:(?:limit|offset)\s+(?:\$?\d+)\s*)*$", re.IGNORECASE)
_TABLE = re.compile(r"\bfrom\s+(?:\"?\w+\"?\.)?\"?(\w+)\"?", re.IGNORECASE)
_CALLS = 100_000
_LISTED = 200


def ask(database: Database) -> Iterator[Answer]:
    views = database.select(_VIEW)
    for query, calls, rows in _statements(database, str(views[0]["identity"])) if views else ():
        if not query.lower().startswith("select") or not (table := _TABLE.search(query)):
            continue
        subject = DbObject("statement", " ".join(query.split())[:150])
        per_row = calls >= _CALLS and rows <= calls and _BY_KEY.search(query)
        detail = f"{calls} calls for {rows} rows: {table[1]} is asked for one row at a time"
        state = State.FAIL if per_row else State.OK
        yield Answer(subject.subject, state, detail if per_row else f"{calls} calls", subject, evidence=table[1])


def _statements(database: Database, view: str) -> list[tuple[str, int, int]]:
    """Queries of this database; none where the view is there and its library is not loaded."""
    import psycopg

    query = f"select query, sum(calls)::bigint, sum(rows)::bigint from {view}"  # noqa: S608 - a quoted name of the catalog
    query += " where dbid = (select oid from pg_catalog.pg_database where datname = current_database())"
    try:
        with database.session.transaction():
            found = database.session.execute(
                f"{query} group by 1 order by 2 desc, 1 limit {_LISTED}".encode()
            ).fetchall()
    except psycopg.Error:
        return []
    return [(str(row[0]), int(row[1]), int(row[2])) for row in found]
