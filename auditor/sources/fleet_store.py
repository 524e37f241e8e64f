"""What the scans of a fleet came to: one table in an SQLite file or in a PostgreSQL database."""

from __future__ import annotations

import json
import sqlite3
import threading
import zlib
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

from auditor.model import UsageError

if TYPE_CHECKING:
    from types import TracebackType

_COLUMNS = """
  repository text not null, content text not null, tool text not null, rules text not null, advisories text not null,
  "commit" text not null, finished text not null, exit_code integer not null, reason text not null,
  seconds double precision not null, score double precision, grade text, summary text not null, report {blob}
"""
_CREATING = 7262118420015  # an advisory lock of our own
_KEY = ("repository", "content", "tool", "rules", "advisories")
SETTLED = frozenset({0, 1, 4, 5})  # exit codes after which there is nothing to try again


@dataclass(frozen=True, slots=True)
class Key:
    """What a result belongs to: the same key is not scanned twice."""

    repository: str
    content: str
    tool: str
    rules: str
    advisories: str


@dataclass(frozen=True, slots=True)
class Result:
    """One scan: `summary` counts open findings by severity and verdicts by control, `report` is the JSON report."""

    key: Key
    commit: str
    finished: str
    exit_code: int
    reason: str
    seconds: float
    score: float | None = None
    grade: str | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    report: str = ""


class FleetStore:
    """Results by key. `place` is a file or a `postgresql://` URL; raises UsageError where it cannot be used."""

    def __init__(self, place: str) -> None:
        self._postgres = place.startswith(("postgresql://", "postgres://"))
        self._lock = threading.Lock()
        try:
            self._connection: Any = self._connected(place)
            self._create()
        except self._errors() as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            shown = "the database" if self._postgres else place
            raise UsageError(f"--store: {shown} cannot be used: {_without_password(first, place)}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def settled(self, key: Key) -> bool:
        """Whether there is a result that another scan would only repeat."""
        rows = self._one("exit_code", key)
        return bool(rows) and rows[0][0] in SETTLED

    def put(self, result: Result) -> None:
        """Keep a result; one that was not settled gives way, another one stays."""
        if self.settled(result.key):
            return
        values = {
            **asdict(result.key), "commit": result.commit, "finished": result.finished, "exit_code": result.exit_code,
            "reason": result.reason, "seconds": result.seconds, "score": result.score, "grade": result.grade,
            "summary": json.dumps(result.summary, sort_keys=True), "report": zlib.compress(result.report.encode()),
        }  # fmt: skip
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join([self._mark] * len(values))
        others = ", ".join(f'"{name}" = excluded."{name}"' for name in values if name not in _KEY)
        self._run(
            f"insert into backend_audit_fleet ({names}) values ({marks})"  # noqa: S608 - names of columns
            f" on conflict ({', '.join(_KEY)}) do update set {others}",
            tuple(values.values()),
        )

    def results(self) -> list[Result]:
        """All results in the order of their keys, the reports left where they are."""
        plain = ("commit", "finished", "exit_code", "reason", "seconds", "score", "grade", "summary")
        names = ", ".join(f'"{name}"' for name in (*_KEY, *plain))
        rows = self._run(f"select {names} from backend_audit_fleet order by {', '.join(_KEY)}, finished")  # noqa: S608 - as above
        count = len(fields(Key))
        return [
            Result(Key(*row[:count]), **dict(zip(plain, row[count:-1], strict=False)), summary=json.loads(row[-1]))
            for row in rows
        ]

    def report(self, key: Key) -> str:
        """The JSON report of one result; empty where it has none."""
        rows = self._one("report", key)
        return zlib.decompress(bytes(rows[0][0])).decode() if rows and rows[0][0] else ""

    @property
    def _mark(self) -> str:
        return "%s" if self._postgres else "?"

    def _one(self, column: str, key: Key) -> list[Any]:
        where = " and ".join(f"{name} = {self._mark}" for name in _KEY)
        return self._run(f"select {column} from backend_audit_fleet where {where}", tuple(asdict(key).values()))  # noqa: S608 - names of columns

    def _run(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._lock:
            text: Any = statement.encode() if self._postgres else statement
            cursor = self._connection.execute(text, values)
            return list(cursor.fetchall()) if cursor.description else []

    def _create(self) -> None:
        columns = _COLUMNS.format(blob="bytea" if self._postgres else "blob")
        table = f"create table if not exists backend_audit_fleet ({columns}, primary key ({', '.join(_KEY)}))"
        if not self._postgres:
            self._run(table)
            return
        with self._connection.transaction():  # "if not exists" alone fails where two workers begin at once
            self._run(f"select pg_advisory_xact_lock({_CREATING})")
            self._run(table)

    def _connected(self, place: str) -> Any:  # noqa: ANN401 - a connection of either kind
        if not self._postgres:
            return sqlite3.connect(place, timeout=30, check_same_thread=False, isolation_level=None)
        import psycopg

        return psycopg.connect(place, autocommit=True, connect_timeout=10, application_name="backend-audit")

    def _errors(self) -> tuple[type[Exception], ...]:
        if not self._postgres:
            return (OSError, sqlite3.Error)
        import psycopg

        return (OSError, psycopg.Error)


def _without_password(text: str, place: str) -> str:
    user, at, _ = place.partition("://")[2].rpartition("@")
    secret = user.partition(":")[2] if at else ""
    return text.replace(secret, "***") if secret else text
