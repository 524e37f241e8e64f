"""BEGIN without its COMMIT, and COMMIT without its BEGIN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.migrations import Fault, Past, ask_each
from auditor.facts.runners import transaction_kind
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    return ask_each(database, _faults, "transactions begin and end in the file")


def _faults(past: Past, statements: list[Statement]) -> Iterator[Fault]:
    begun: Statement | None = None
    ended = False
    for statement in statements:
        kind = transaction_kind(statement)
        if kind == "BEGIN" and begun:
            yield Fault(
                statement, "begin", f"BEGIN inside the transaction of line {begun.line} does nothing", Severity.LOW
            )
        elif kind == "BEGIN":
            begun = statement
        elif kind in {"COMMIT", "ROLLBACK"}:
            if not begun and not ended:
                yield from _without_begin(past, statement, statements, kind)
            begun, ended = None, True
    if begun:
        detail = "BEGIN without COMMIT: what follows is undone when the session ends, or runs on into the next file"
        yield Fault(begun, "begin", detail)


def _without_begin(past: Past, statement: Statement, statements: list[Statement], kind: str) -> Iterator[Fault]:
    reason = past.one_transaction(statements)
    effect = f"ends the runner's transaction ({reason})" if reason else "does nothing"
    yield Fault(statement, kind.lower(), f"{kind} without BEGIN {effect}", Severity.LOW)
