"""Indexes that are built, or dropped, under a lock on a table that was there before the migration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.migrations import Fault, Past, ask_each
from auditor.facts.statements import enum_name, names
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database

_EXPECTED = "ShareUpdateExclusiveLock at most"


def ask(database: Database) -> Iterator[Answer]:
    return ask_each(database, _faults, "no index is built or dropped under a lock")


def _faults(past: Past, statements: list[Statement]) -> Iterator[Fault]:
    for statement in statements:
        if statement.kind == "index_stmt":
            yield from _built(past, statement)
        elif statement.kind == "drop_stmt" and enum_name(statement.body, "remove_type") == "OBJECT_INDEX":
            yield from _dropped(past, statement)


def _built(past: Past, statement: Statement) -> Iterator[Fault]:
    index = statement.body
    table = past.older(statement, index.relation)
    # `on only` builds the empty index of a partitioned table, for which CONCURRENTLY does not exist.
    if table is None or index.concurrent or not index.relation.inh or not _holds_rows(past, statement):
        return
    if index.if_not_exists and past.provenance.find_made(statement, index.relation.schemaname, index.idxname):
        return  # it is there already: the statement does nothing
    detail = f"builds an index on {table} without CONCURRENTLY: every write to the table waits until it is done"
    what = f"index {index.idxname}" if index.idxname else f"index on {table}"
    yield Fault(statement, what, detail, proof=past.lock_proof(statement, table, _EXPECTED))


def _holds_rows(past: Past, statement: Statement) -> bool:
    """Whether it is a plain table: a partitioned one has no rows, and a view's are written by REFRESH alone."""
    born = past.born(statement, statement.body.relation)
    if born is None or born[1].kind == "view_stmt":
        return False
    if born[1].kind == "create_stmt":
        return not born[1].body.HasField("partspec")
    made_as = born[1].kind == "create_table_as_stmt"
    return not (made_as and enum_name(born[1].body, "objtype") == "OBJECT_MATVIEW")


def _dropped(past: Past, statement: Statement) -> Iterator[Fault]:
    if statement.body.concurrent or past.failed(statement):
        return
    for item in statement.body.objects:
        parts = names(item.list.items)
        schema = parts[-2] if len(parts) > 1 else ""
        made = past.provenance.find_made(statement, schema, parts[-1])
        if made and past.is_older(statement, made[1]) and made[1].kind == "index_stmt":
            detail = (
                f"drops index {made[0]} without CONCURRENTLY: it waits for every running query, and all others for it"
            )
            yield Fault(statement, f"drop of index {parts[-1]}", detail, Severity.LOW)
