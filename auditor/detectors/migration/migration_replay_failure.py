"""Statements that the server refused when the history was replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.migrations import each_file
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.database import Database
    from auditor.sources.replay import Failure

_SEVERITY = {"seed data": Severity.INFO, "needs a superuser": Severity.LOW, "already exists": Severity.LOW}

_MISSING = "refers to something that does not exist"

_NAMED = 6  # relations in one sentence


def ask(database: Database) -> Iterator[Answer]:
    if database.replay is None:
        return
    failed: dict[str, list[Failure]] = {}
    for failure in [*database.replay.failures, *database.missing.values()]:
        failed.setdefault(failure.statement.path, []).append(failure)
    tables = {table.name: table.identity for table in database.schema.tables.values()}
    loose = database.history is not None and database.history.layout == "schema"
    for path, statements in each_file(database):
        subject = f"migration {path}"
        for failure in failed.get(path, []):
            yield _answer(subject, failure, tables, loose=loose)
        if path not in failed:
            yield Answer(subject, State.OK, f"{len(statements)} statements replayed", FileSpan(path, 1))
    for path in database.history.unread if database.history else ():
        yield Answer(f"migration {path}", State.UNKNOWN, "the file could not be read", FileSpan(path, 1))


def _answer(subject: str, failure: Failure, tables: dict[str, str], *, loose: bool) -> Answer:
    """A loose file is run by hand, when what it leans on is there: nobody promised that it runs on an empty server."""
    statement = failure.statement
    names = _unknown(failure, tables)
    touched = f"; not known because of it: {names}" if names else ""
    return Answer(
        subject,
        State.FAIL,
        f"{failure.cause}: ERROR {failure.sqlstate}: {failure.message}{touched}",
        FileSpan(statement.path, statement.line, statement.end_line),
        severity=Severity.LOW if loose and failure.cause == _MISSING else _SEVERITY.get(failure.cause),
        evidence=f"{failure.sqlstate} {failure.message}",
    )


def _unknown(failure: Failure, tables: dict[str, str]) -> str:
    """The relations of a failure; of the words of a DO block those that name a table."""
    names = sorted(failure.relations)
    if failure.statement.kind == "do_stmt":
        names = sorted({tables[name] for name in names if name in tables})
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
