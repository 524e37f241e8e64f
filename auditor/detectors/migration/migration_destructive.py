"""Statements that lose data: tables, columns or rows that were there before the migration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.migrations import each_file, file_answers, severity_when_applied
from auditor.facts.statements import relation_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.provenance import Provenance
    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database

_DROPS = {"table": "table", "table column": "column", "schema": "schema"}


def ask(database: Database) -> Iterator[Answer]:
    for path, statements in each_file(database):
        faults = [(s, fault, s.kind) for s in statements for fault in _faults(s, database)]
        yield from file_answers(path, faults, "loses no data", severity=severity_when_applied(database, path))


def _faults(statement: Statement, database: Database) -> list[str]:
    assert database.provenance
    provenance = database.provenance
    if statement.kind in {"drop_stmt", "alter_table_stmt", "do_stmt"}:
        lost = [
            f"{_DROPS[event.tag]} {event.identity}"
            for event in provenance.dropped_by(statement)
            if event.tag in _DROPS and _older(statement, event.identity, event.tag, provenance)
        ]
        return [f"drops {', '.join(sorted(lost))} with the data"] if lost else []
    if statement.kind == "truncate_stmt":
        names = [relation_name(item.range_var) for item in statement.body.relations]
        return [f"empties {name}" for name in names if _older(statement, name, "table", provenance)]
    if statement.kind in {"delete_stmt", "update_stmt"} and not statement.body.HasField("where_clause"):
        return _unbounded(statement, provenance)
    return []


def _unbounded(statement: Statement, provenance: Provenance) -> list[str]:
    """DELETE and UPDATE without WHERE; an UPDATE that fills a column which this file adds loses nothing."""
    name = relation_name(statement.body.relation)
    if not _older(statement, name, "table", provenance):
        return []
    if statement.kind == "delete_stmt":
        return [f"deletes every row of {name}: no WHERE"]
    if statement.body.from_clause:
        return []  # an UPDATE ... FROM is bounded by its join
    filled = {target.res_target.name for target in statement.body.target_list}
    if filled <= provenance.columns_added_in(statement.path):
        return []
    return [f"changes every row of {name}: no WHERE"]


def _older(statement: Statement, identity: str, tag: str, provenance: Provenance) -> bool:
    """Whether what is lost was there before this file: what a migration made itself may go again."""
    if tag == "schema":
        born = provenance.born_in(identity)
        return born is not None and born.path != statement.path
    parts = identity.replace('"', "").split(".")
    made = provenance.find_made(statement, parts[0], parts[1]) if len(parts) > 1 else None
    return made is not None and made[1].path != statement.path
