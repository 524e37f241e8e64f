"""What the server refuses inside a transaction, in a file that its runner, or the file itself, puts into one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.migrations import Fault, Past, ask_each
from auditor.facts.runners import reasons
from auditor.model import Proof

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    return ask_each(database, _faults, "nothing that a transaction refuses")


def _faults(past: Past, statements: list[Statement]) -> Iterator[Fault]:
    for statement, reason in reasons(past.history, statements):
        error = past.replay.outside.get(statement.number)
        # SET TRANSACTION is refused only after the savepoint of the replay.
        if error and reason and statement.kind != "variable_set_stmt":
            proof = Proof(_script(statement, statements, error), f"ERROR: {error}", "the statement runs")
            yield Fault(statement, _what(statement), f"{error}; {reason}", proof=proof)


def _script(statement: Statement, statements: list[Statement], error: str) -> str:
    """The statement in a transaction; with a new enum value, what adds it comes first."""
    needed = [s for s in statements if s.kind == "alter_enum_stmt" and s.number < statement.number]
    texts = [s.text.rstrip(";") for s in (*(needed if "enum" in error else ()), statement)]
    return "\n".join(("begin;", *(f"{text};" for text in texts), "rollback;"))


def _what(statement: Statement) -> str:
    if statement.kind == "index_stmt":
        return f"index {statement.body.idxname or 'without a name'}"
    return statement.kind.removesuffix("_stmt").replace("_", " ")
