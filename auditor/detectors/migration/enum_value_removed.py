"""Enum types that lose values: a type of the same name is made again without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.migrations import Fault, Past, ask_each
from auditor.facts.enums import EnumHistory
from auditor.facts.statements import mentioned_relations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    known = EnumHistory()
    return ask_each(database, lambda past, statements: _faults(past, statements, known), "no enum type loses a value")


def _faults(past: Past, statements: list[Statement], known: EnumHistory) -> Iterator[Fault]:
    """The files come in order, so `known` is what the files before this one made."""
    before, made = dict(known.values), dict(known.made)
    for statement in statements:
        if not past.failed(statement):
            known.apply(statement)
        if statement.kind in {"delete_stmt", "update_stmt"} and "pg_catalog.pg_enum" in _system(statement):
            yield Fault(
                statement, "pg_enum", "changes pg_enum by hand: rows that hold the value cannot be read any more"
            )
    for name, values in before.items():
        now = known.values.get(name)
        lost = [value for value in values if now is not None and value not in now]
        if lost and past.is_older(statements[-1], made[name]):
            detail = f"takes {', '.join(map(repr, lost))} from type {name}: rows and running code may still use it"
            yield Fault(known.made.get(name, statements[0]), f"type {name}", detail)


def _system(statement: Statement) -> set[str]:
    named = mentioned_relations(statement.node)
    return {"pg_catalog.pg_enum" if name == "public.pg_enum" else name for name in named}
