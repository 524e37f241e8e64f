"""Keys that the backend issues and keeps as they are: who reads the table has them all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.stored_tables import sql_files, stored_tables
from auditor.facts.issued_keys import (
    HINTS,
    beside_columns,
    clear_columns,
    hashed_in_sql,
    holds_issued_keys,
    kept_columns,
    lookups,
    uses,
)
from auditor.model import Answer, Confidence, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tree_sitter import Node

    from auditor.detectors.stored_tables import StoredTable
    from auditor.facts.tables import Column, Table
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

    _Question = Callable[[Table, Column, str, list[Node]], Iterator[bool]]

_PLUGIN = re.compile(r"from\s+[\"'](?:better-auth/plugins|@better-auth/api-key)")


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    asked = False
    sql = sql_files(repository, HINTS)
    for name, keys in sorted(stored_tables(repository, code, sql, _matters).items()):
        answer = _of_keys(name, keys, code, sql) if holds_issued_keys(keys.table) else _of_column(name, keys, code)
        asked = asked or answer is not None
        if answer is not None:
            yield answer
    for path, reason in code.unread.items() if asked else ():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))


def _matters(table: Table) -> bool:
    return holds_issued_keys(table) or bool(beside_columns(table))


def _of_keys(name: str, keys: StoredTable, code: Code, sql: list[dict[str, str]]) -> Answer | None:
    """For a table that holds nothing but keys."""
    table = keys.table
    clear = [column for column in clear_columns(table) if keys.still_has(column)]
    kept = kept_columns(table) or [column for declared in keys.declared for column in kept_columns(declared)]
    subject = f"table {name}"
    if not clear:
        return Answer(subject, State.OK, f"keeps {', '.join(kept)}", FileSpan(table.path, table.line)) if kept else None
    column = clear[0]
    place = FileSpan(column.path, column.line)
    seen = list(_uses(keys, column, code, uses))
    if any(seen) or (not kept and any(hashed_in_sql(table, text) for files in sql for text in files.values())):
        return Answer(subject, State.OK, f"{column.name} is given a hash", place)
    if _by_library(code, keys):
        return Answer(subject, State.OK, "the library that fills it keeps a hash", place)
    return _failed(subject, column, kept, place, used=bool(seen))


def _of_column(name: str, keys: StoredTable, code: Code) -> Answer | None:
    """For a key in a table of something else: only where rows are found by it, so that it is a key of ours."""
    column = beside_columns(keys.table)[0]
    seen = list(_uses(keys, column, code, lookups))
    if not seen or not keys.still_has(column):
        return None
    subject, place = f"table {name}", FileSpan(column.path, column.line)
    if any(seen):
        return Answer(subject, State.OK, f"{column.name} is looked up by a hash", place)
    return _failed(subject, column, kept_columns(keys.table), place, used=True)


def _by_library(code: Code, keys: StoredTable) -> bool:
    """Better Auth's plugin for API keys hashes them, unless it is told not to."""
    if keys.table.name.lower() not in {"apikey", "apikeys", "api_key", "api_keys"}:
        return False
    made = [text for path in code.files if "better-auth" in (text := code.text(path)) and _PLUGIN.search(text)]
    return bool(made) and not any("disableKeyHashing: true" in text for text in made)


def _failed(subject: str, column: Column, kept: list[str], place: FileSpan, *, used: bool) -> Answer:
    detail = f"{column.name} holds the key itself as text"
    if kept:
        detail += f", beside {', '.join(kept)}"
    detail += ": code writes or looks it up as it is" if used else "; no code that hashes it was found"
    severity = Severity.MEDIUM if kept else None
    confidence = None if used and not kept else Confidence.SUSPECTED
    return Answer(
        subject, State.FAIL, detail, place, severity=severity, confidence=confidence, evidence=f"clear {column.name}"
    )


def _uses(keys: StoredTable, column: Column, code: Code, question: _Question) -> Iterator[bool]:
    views = keys.views
    words = {name for table in views for name in (table.name, table.code, table.code[:1].lower() + table.code[1:])}
    names = {column.name, *(held.code for table in views if (held := table.columns.get(column.name.lower())))}
    for path, language in code.files.items():
        text = code.text(path)
        if any(word in text for word in words) and any(name in text for name in names):
            calls = code.nodes(path, "call" if language == "python" else "call_expression")
            for table in views:
                yield from question(table, table.columns.get(column.name.lower(), column), text, calls)
