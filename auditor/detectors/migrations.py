"""What the migration rules share: the files of a history as subjects."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.facts.statements import Statement
    from auditor.sources.database import Database


def each_file(database: Database) -> Iterator[tuple[str, list[Statement]]]:
    """The files of a replayed history with their statements; none for a live database."""
    if database.replay is None or database.history is None:
        return
    by_file: dict[str, list[Statement]] = defaultdict(list)
    for statement in database.replay.statements:
        by_file[statement.path].append(statement)
    for path in database.history.files:
        yield path, by_file[path]


def file_answers(
    path: str, faults: Sequence[tuple[Statement, str, str]], ok: str, *, severity: Severity | None = None
) -> Iterator[Answer]:
    """One failed row per faulty statement (statement, detail, evidence), or one ok row for the file."""
    subject = f"migration {path}"
    for statement, detail, evidence in faults:
        span = FileSpan(statement.path, statement.line, statement.end_line)
        yield Answer(subject, State.FAIL, detail, span, severity=severity, evidence=f"{evidence}: {detail}")
    if not faults:
        yield Answer(subject, State.OK, ok, FileSpan(path, 1))


def severity_when_applied(database: Database, path: str) -> Severity | None:
    """Low for a migration that the default branch already has: the harm is done, the next one is what matters."""
    return Severity.LOW if path in database.applied else None
