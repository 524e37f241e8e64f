"""TRUNCATE … CASCADE: it also empties every table that refers to the one it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.migrations import Fault, Past, ask_each
from auditor.facts.statements import enum_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.schema import Schema
    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    return ask_each(database, _faults, "no TRUNCATE … CASCADE")


def _faults(past: Past, statements: list[Statement]) -> Iterator[Fault]:
    for statement in statements:
        if statement.kind != "truncate_stmt" or enum_name(statement.body, "behavior") != "DROP_CASCADE":
            continue
        for item in statement.body.relations:
            if name := past.older(statement, item.range_var):
                others = _referring(past.database.schema, name)
                which = f"; today these refer to it: {', '.join(others)}" if others else ""
                detail = f"empties {name} and, unnamed, every table that refers to it{which}"
                yield Fault(statement, f"truncate of {name}", detail)


def _referring(schema: Schema, name: str) -> list[str]:
    """Tables whose rows go as well, over any number of steps."""
    plain = {oid: table.identity.replace('"', "") for oid, table in schema.tables.items()}
    reached = {oid for oid, identity in plain.items() if identity == name}
    count = 0
    while count != len(reached):
        count = len(reached)
        reached |= {oid for oid, t in schema.tables.items() if any(key.target in reached for key in t.foreign_keys)}
    return sorted(plain[oid] for oid in reached if plain[oid] != name)
