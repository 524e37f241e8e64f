"""The scans of a folder as they were, in `.backend-audit/history.sqlite` below it.

The folder belongs to the scanned repository, which is not trusted: no link is followed, and a database that this tool
did not make is not opened.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FOLDER = ".backend-audit"
_FILE = "history.sqlite"
_MARK = 0x42_41_48_31  # "BAH1", at byte 68 of the file
_HEADER, _MARK_AT = b"SQLite format 3\0", 68
_MAX_BYTES = 200_000_000
_KEPT = 500  # scans of a scope
_TABLES = (
    """CREATE TABLE scan (id INTEGER PRIMARY KEY, scope TEXT NOT NULL, state TEXT NOT NULL, time TEXT NOT NULL,
    revision TEXT, score_min REAL NOT NULL, score_max REAL NOT NULL, grade TEXT, unanswered TEXT NOT NULL)""",
    """CREATE TABLE finding (scan INTEGER NOT NULL, fingerprint TEXT NOT NULL, rule TEXT NOT NULL,
    severity TEXT NOT NULL, status TEXT NOT NULL)""",
)


class HistoryError(Exception):
    """The history cannot be read or kept; the text says why."""


@dataclass(frozen=True, slots=True)
class Known:
    rule: str
    severity: str
    status: str


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan; `scope` says what was looked at, `state` is the same for scans that came to the same.

    `unanswered` are the rules that gave no answer, `findings` is keyed by fingerprint.
    """

    scope: str
    state: str
    time: str
    commit: str | None
    score_min: float
    score_max: float
    grade: str | None
    unanswered: frozenset[str] = frozenset()
    findings: Mapping[str, Known] = field(default_factory=dict)


def read_scans(root: Path) -> list[Scan]:
    """Every scan that was kept, the oldest first; none where there is no history. Raises HistoryError."""
    if not _is_there(root):
        return []
    with _opened(root) as database:
        rows = database.execute(
            "SELECT id, scope, state, time, revision, score_min, score_max, grade, unanswered FROM scan ORDER BY id"
        ).fetchall()
        found: dict[int, dict[str, Known]] = {row[0]: {} for row in rows}
        for scan, fingerprint, *known in database.execute("SELECT * FROM finding ORDER BY rowid"):
            found.get(scan, {})[fingerprint] = Known(*known)
        return [_scan(row, found[row[0]]) for row in rows]


def _scan(row: tuple[Any, ...], findings: dict[str, Known]) -> Scan:
    _, scope, state, time, commit, low, high, grade, unanswered = row
    return Scan(scope, state, time, commit, low, high, grade, frozenset(json.loads(unanswered)), findings)


def keep(root: Path, scan: Scan) -> None:
    """Add a scan, unless the last one of its scope came to the same. Raises HistoryError."""
    _make(root)
    with _opened(root) as database, database:
        database.execute("BEGIN IMMEDIATE")
        last = database.execute("SELECT state FROM scan WHERE scope = ? ORDER BY id DESC", (scan.scope,)).fetchone()
        if last and last[0] == scan.state:
            return
        values = (scan.scope, scan.state, scan.time, scan.commit, scan.score_min, scan.score_max, scan.grade)
        number = database.execute(
            "INSERT INTO scan (scope, state, time, revision, score_min, score_max, grade, unanswered)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, json.dumps(sorted(scan.unanswered))),
        ).lastrowid
        database.executemany(
            "INSERT INTO finding VALUES (?, ?, ?, ?, ?)",
            [(number, name, item.rule, item.severity, item.status) for name, item in scan.findings.items()],
        )
        _forget(database, scan.scope)


def _forget(database: sqlite3.Connection, scope: str) -> None:
    old = "SELECT id FROM scan WHERE scope = ? ORDER BY id DESC LIMIT -1 OFFSET ?"
    database.execute(f"DELETE FROM finding WHERE scan IN ({old})", (scope, _KEPT))  # noqa: S608 - the text above
    database.execute(f"DELETE FROM scan WHERE id IN ({old})", (scope, _KEPT))  # noqa: S608 - the text above


def _is_there(root: Path) -> bool:
    """Whether there is a history; raises HistoryError for one that leads elsewhere or is not ours."""
    folder, place = root / FOLDER, root / FOLDER / _FILE
    if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
        raise HistoryError(f"{FOLDER} is no folder")
    for name in (_FILE, f"{_FILE}-journal", f"{_FILE}-wal", f"{_FILE}-shm"):
        if os.path.lexists(folder / name) and not stat.S_ISREG((folder / name).lstat().st_mode):
            raise HistoryError(f"{FOLDER}/{name} is not a regular file")
    if not os.path.lexists(place):
        return False
    with place.open("rb") as file:
        head = file.read(_MARK_AT + 4)
    if place.stat().st_size > _MAX_BYTES:
        raise HistoryError(f"{FOLDER}/{_FILE} is larger than {_MAX_BYTES // 1_000_000} MB")
    if not head.startswith(_HEADER) or head[_MARK_AT:] != _MARK.to_bytes(4, "big"):
        raise HistoryError(f"{FOLDER}/{_FILE} was not made by this tool")
    return True


def _make(root: Path) -> None:
    """The folder, which git does not see, and the empty database; made aside, so that two scans do not meet."""
    try:
        if _is_there(root):
            return
        folder = root / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        _write_new(folder / ".gitignore", b"*\n")
        partial = folder / f".{_FILE}.{os.getpid()}"
        with closing(sqlite3.connect(partial)) as database:
            database.execute(f"PRAGMA application_id = {_MARK}")
            for table in _TABLES:
                database.execute(table)
            database.commit()
        partial.chmod(0o600)
        partial.replace(folder / _FILE)
    except (OSError, sqlite3.Error) as error:
        raise HistoryError(f"{FOLDER} cannot be written: {error}") from error


def _write_new(place: Path, data: bytes) -> None:
    if os.path.lexists(place):
        return
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


@contextmanager
def _opened(root: Path) -> Iterator[sqlite3.Connection]:
    """The database, with its own tables in it and nothing else: no trigger or view of another hand runs."""
    try:
        with closing(sqlite3.connect(root / FOLDER / _FILE, timeout=5, isolation_level=None)) as database:
            database.execute("PRAGMA trusted_schema = OFF")
            tables = tuple(row[0] for row in database.execute("SELECT sql FROM sqlite_schema ORDER BY rowid"))
            if tables != _TABLES:
                raise HistoryError(f"{FOLDER}/{_FILE} was not made by this version of the tool")
            yield database
    except (sqlite3.Error, OSError, ValueError, TypeError) as error:
        raise HistoryError(f"{FOLDER}/{_FILE}: {error}") from error
