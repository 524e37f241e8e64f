"""Tokens that work once and are kept as they were sent: who reads the table can use them before their owner does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.kept_values import hashes_tokens, makes_short_codes, written
from auditor.detectors.stored_tables import sql_files, stored_tables
from auditor.facts.issued_keys import hashed_in_sql, holds_issued_keys
from auditor.facts.kept_tokens import ONCE_HINTS, has_own_name, is_protected, of_verification_library, once_columns
from auditor.model import Answer, Confidence, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.detectors.stored_tables import StoredTable
    from auditor.facts.tables import Column, Table
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    asked = False
    sql = sql_files(repository, ONCE_HINTS)
    for name, stored in sorted(stored_tables(repository, code, sql, _matters, documents=True).items()):
        for column in once_columns(stored.table):
            if stored.still_has(column):
                asked = True
                yield _of_column(f"column {name}.{column.name}", stored, column, code, sql)
    for path, reason in code.unread.items() if asked else ():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))


def _matters(table: Table) -> bool:
    return not holds_issued_keys(table) and bool(once_columns(table))


def _of_column(subject: str, stored: StoredTable, column: Column, code: Code, sql: list[dict[str, str]]) -> Answer:
    place = FileSpan(column.path, column.line)
    if is_protected(column):
        return Answer(subject, State.OK, "kept as a hash", place)
    seen = written(code, stored.views, column, alone=has_own_name(column))
    in_sql = any(hashed_in_sql(stored.table, text) for files in sql for text in files.values())
    if any(seen) or in_sql or hashes_tokens(code, stored.views, column):
        return Answer(subject, State.OK, f"{column.name} is given a hash", place)
    if makes_short_codes(code, stored.views, column):
        return Answer(subject, State.OK, f"{column.name} is a code of some digits", place)
    library = of_verification_library(stored.table)
    if library and not seen:
        return _of_library(subject, library, place)
    detail = "keeps a token that works once as it is sent: "
    detail += "code writes or looks it up as it is" if seen else "no code that hashes it was found"
    confidence = None if seen else Confidence.SUSPECTED
    return Answer(subject, State.FAIL, detail, place, confidence=confidence, evidence=f"clear {column.name}")


def _of_library(subject: str, library: str, place: FileSpan) -> Answer:
    if library == "Auth.js":
        return Answer(subject, State.OK, "Auth.js, which fills it, keeps a hash", place)
    detail = f"{library}, which fills it, keeps the value as it is sent unless told otherwise"
    return Answer(subject, State.FAIL, detail, place, severity=Severity.INFO, evidence="clear library")
