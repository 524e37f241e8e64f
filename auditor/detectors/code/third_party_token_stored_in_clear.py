"""Tokens and secrets of other services, kept as they are: who reads the table acts there in everybody's name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.kept_values import encrypts, written
from auditor.detectors.stored_tables import sql_files, stored_tables
from auditor.facts.issued_keys import holds_issued_keys
from auditor.facts.kept_tokens import FOREIGN_HINTS, foreign_columns, is_protected, of_auth_library
from auditor.model import Answer, Confidence, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.detectors.stored_tables import StoredTable
    from auditor.facts.tables import Column, Table
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_SAYS = re.compile(r"(?i)encrypt|cipher|vault|sealed")

_WISH = re.compile(
    r"(?i)should|todo|fixme|must|recommend|need(?:s|ed)? to|in production|unencrypted|not (?:yet )?encrypt|consider"
)


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    asked = False
    sql = sql_files(repository, FOREIGN_HINTS)
    for name, stored in sorted(stored_tables(repository, code, sql, _matters, documents=True).items()):
        if columns := [column for column in foreign_columns(stored.table) if stored.still_has(column)]:
            asked = True
            yield _of_table(f"table {name}", stored, columns, repository, code, sql)
    for path, reason in code.unread.items() if asked else ():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))


def _matters(table: Table) -> bool:
    return not holds_issued_keys(table) and bool(foreign_columns(table))


def _of_table(
    subject: str,
    stored: StoredTable,
    columns: list[Column],
    repository: Repository,
    code: Code,
    sql: list[dict[str, str]],
) -> Answer:
    clear = [column for column in columns if not is_protected(column) and not _says_so(column, stored, repository)]
    column = (clear or columns)[0]
    place = FileSpan(column.path, column.line)
    if not clear:
        return Answer(subject, State.OK, f"{column.name} is kept encrypted or hashed", place)
    seen = written(code, stored.views, column, alone=False)
    if any(seen) or encrypts(code, stored.views, column) or _encrypted_in_sql(stored, column, sql):
        return Answer(subject, State.OK, f"code that names {column.name} encrypts it", place)
    return _failed(subject, stored, clear, place, used=bool(seen))


def _failed(subject: str, stored: StoredTable, clear: list[Column], place: FileSpan, *, used: bool) -> Answer:
    names = ", ".join(column.name for column in clear)
    library = of_auth_library(stored.table)
    detail = f"{names}: of another service, and kept as text"
    detail += "; the auth library fills this table" if library else "; no code that encrypts it was found"
    confidence = None if used or library else Confidence.SUSPECTED
    return Answer(
        subject, State.FAIL, detail, place, severity=Severity.INFO if library else None, confidence=confidence,
        evidence=f"clear {clear[0].name}",
    )  # fmt: skip


def _says_so(column: Column, stored: StoredTable, repository: Repository) -> bool:
    """Whether a declaration says that the value is encrypted: by its type, or in a comment on the line or before it."""
    held = [table.columns.get(column.name.lower()) for table in stored.views]
    return any(_is_said(_declaration(repository, one)) for one in held if one is not None)


def _declaration(repository: Repository, column: Column) -> str:
    lines = (repository.text(column.path) or "").splitlines()
    before = lines[column.line - 2].strip() if 1 < column.line <= len(lines) + 1 else ""
    is_comment = before.startswith(("//", "--", "#", "/*", "*"))
    rest = (
        lines[column.line - 1 : column.line + 2]
        if column.path.endswith(".py")
        else lines[column.line - 1 : column.line]
    )
    return "\n".join([before if is_comment else "", *rest])


def _encrypted_in_sql(stored: StoredTable, column: Column, sql: list[dict[str, str]]) -> bool:
    """Whether the migrations encrypt what is written to the table, or say so in a comment on the column."""
    table, name = re.escape(stored.table.name), re.escape(column.name)
    written_so = re.compile(
        rf"(?is)\b(?:insert\s+into|update)\s+(?:\w+\.)?\"?{table}\b[^;]{{0,1500}}\b(?:pgp_(?:sym|pub)_\w+|encrypt\w*|vault)\s*[.(]"
    )
    comment = re.compile(rf"(?is)comment\s+on\s+column\s+[\w.\"]*\b{table}\"?\.\"?{name}\"?\s+is\s+('[^']*')")
    for text in (text for files in sql for text in files.values() if stored.table.name in text):
        if written_so.search(text) or any(_is_said(match[1]) for match in comment.finditer(text)):
            return True
    return False


def _is_said(text: str) -> bool:
    """Whether a text says that the value is encrypted, and not only that it should be."""
    return _SAYS.search(text) is not None and _WISH.search(text) is None
