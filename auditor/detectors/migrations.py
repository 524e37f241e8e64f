"""What the migration rules share: the files of a history, what was there before each, and faults as answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.facts.runners import one_transaction
from auditor.model import Answer, Confidence, FileSpan, Proof, Severity, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from auditor.facts.histories import History
    from auditor.facts.locks import Trace
    from auditor.facts.provenance import Provenance
    from auditor.facts.statements import Statement
    from auditor.sources.database import Database
    from auditor.sources.replay import Replay

_LOCKS = (
    "select relation::regclass, mode from pg_locks where pid = pg_backend_pid() and granted and relation is not null;"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One faulty statement; `what` names the object in a few words and is a part of the finding's subject."""

    statement: Statement
    what: str
    detail: str
    severity: Severity | None = None
    proof: Proof | None = None


class Past:
    """What a statement of a replayed history finds: what was there before its file, and how it is run."""

    def __init__(self, database: Database, history: History, replay: Replay, provenance: Provenance) -> None:
        self.database = database
        self.history = history
        self.replay = replay
        self.provenance = provenance
        self._failed = {failure.statement.number for failure in replay.failures}
        self._some_applied = any(path in database.applied for path in history.files)

    def older(self, statement: Statement, relation: Any) -> str | None:  # noqa: ANN401 - a protobuf RangeVar
        """`schema.name` of a relation that may hold rows when the statement runs.

        None for what the same file made, or another file that is not applied either: those run together.
        """
        born = self.born(statement, relation)
        return born[0] if born and self.is_older(statement, born[1]) else None

    def born(self, statement: Statement, relation: Any) -> tuple[str, Statement] | None:  # noqa: ANN401 - a RangeVar
        """A relation's `schema.name` and the statement that made it; None where that failed, or was never there."""
        if statement.number in self._failed:
            return None  # migration-replay-failure tells
        return self.provenance.find_made(statement, relation.schemaname, relation.relname)

    def is_older(self, statement: Statement, born: Statement) -> bool:
        pending = self._some_applied and not {born.path, statement.path} & self.database.applied
        return born.path != statement.path and not pending

    def failed(self, statement: Statement) -> bool:
        return statement.number in self._failed

    def trace(self, statement: Statement) -> Trace | None:
        return self.replay.traces.get(statement.number)

    def lock_proof(self, statement: Statement, name: str, expected: str) -> Proof | None:
        """What the replay saw the statement lock; None where its transaction held that lock before."""
        trace = self.trace(statement)
        if trace is None or not trace.mode:
            return None
        script = f"begin;\n{statement.text.rstrip(';')};\n{_LOCKS}\nrollback;"
        return Proof(script, f"{trace.mode} on {name}", expected)

    def one_transaction(self, statements: Sequence[Statement]) -> str:
        """Why the statements of a file run in one transaction; "" where their runner opens none, or is not known."""
        return one_transaction(self.history, statements)


def each_file(database: Database) -> Iterator[tuple[str, list[Statement]]]:
    """The files of a replayed history with their statements; none for a live database."""
    if database.replay is None or database.history is None:
        return
    by_file: dict[str, list[Statement]] = defaultdict(list)
    for statement in database.replay.statements:
        by_file[statement.path].append(statement)
    for path in database.history.files:
        yield path, by_file[path]


def ask_each(
    database: Database,
    find: Callable[[Past, list[Statement]], Iterable[Fault]],
    ok: str,
    *,
    hint: bool = False,
) -> Iterator[Answer]:
    """A row for each fault of a migration, or one that says what is right about the file.

    A declarative schema is no migration: it makes everything that it names. A `hint` is of no use once a file has run.
    """
    if database.replay is None or database.history is None or database.provenance is None:
        return
    if database.history.layout == "schema":
        return
    past = Past(database, database.history, database.replay, database.provenance)
    for path, statements in each_file(database):
        applied = path in database.applied
        faults = [] if hint and applied else list(find(past, statements))
        yield from _rows(path, faults, applied=applied)
        if not faults:
            yield Answer(f"migration {path}", State.OK, ok, FileSpan(path, 1))


def _rows(path: str, faults: list[Fault], *, applied: bool) -> Iterator[Answer]:
    seen: Counter[str] = Counter()
    for fault in faults:
        seen[fault.what] += 1
        repeat = f" #{seen[fault.what]}" if seen[fault.what] > 1 else ""
        yield Answer(
            f"migration {path}: {fault.what}{repeat}",
            State.FAIL,
            fault.detail,
            FileSpan(path, fault.statement.line, fault.statement.end_line),
            severity=Severity.INFO if applied else fault.severity,
            confidence=Confidence.PROVED if fault.proof else None,
            proof=fault.proof,
            evidence=f"{fault.statement.kind}: {fault.what}",
        )


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
    """Info for a migration that the default branch already has: the harm is done, the next one is what matters."""
    return Severity.INFO if path in database.applied else None
