"""How the runner of a history executes a file: in one transaction, or statement by statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.statements import enum_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.facts.histories import History
    from auditor.facts.statements import Statement

_ALWAYS = {
    "supabase": "the Supabase command line runs a file in one transaction",
    "drizzle": "Drizzle runs all pending migrations in one transaction",
    "dbmate": "dbmate runs a file in one transaction unless it says transaction:false",
    "goose": "goose runs a file in one transaction unless it says NO TRANSACTION",
}
# These send a file whole, or open a transaction only where a statement allows it: a lone statement runs by itself.
_SEVERAL = {
    "prisma": "Prisma sends a file with several statements at once, which the server runs as one transaction",
    "flyway": "Flyway runs a file in one transaction, and refuses to mix such statements with others",
}


def one_transaction(history: History, statements: Sequence[Statement]) -> str:
    """Why the statements of one file run in one transaction; "" where the runner opens none or is not known."""
    if not statements or statements[0].path in history.unwrapped:
        return ""
    several = _SEVERAL.get(history.layout, "") if len(statements) > 1 else ""
    return _ALWAYS.get(history.layout, several)


def transaction_kind(statement: Statement) -> str:
    """`BEGIN`, `COMMIT`, `ROLLBACK` and so on; "" for what is no transaction statement."""
    if statement.kind != "transaction_stmt":
        return ""
    name = enum_name(statement.body, "kind").removeprefix("TRANS_STMT_")
    return "BEGIN" if name == "START" else name


def reasons(history: History, statements: Sequence[Statement]) -> Iterator[tuple[Statement, str]]:
    """Each statement with why it runs in a transaction, "" where it does not."""
    reason = one_transaction(history, statements)
    for statement in statements:
        kind = transaction_kind(statement)
        if kind == "BEGIN":
            reason = reason or f"the file opens a transaction at line {statement.line}"
        elif kind in {"COMMIT", "ROLLBACK"}:
            reason = ""
        yield statement, reason
