"""Rows of tables that need one another: keys that may not be null and lead round in a circle.

One statement inserts them all. Foreign keys are looked at when it ends, so this holds for keys that cannot be deferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.sources.plant_refusals import learn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.facts.row_solver import Draft
    from auditor.facts.rows import World
    from auditor.facts.schema import Schema, Table
    from auditor.sources.planting import Planter

_MAX_TRIES = 20


def find_cycles(tables: Iterable[Table], schema: Schema) -> list[list[Table]]:
    """Groups of at least two tables, each of which needs all others of its group."""
    listed = {table.oid: table for table in tables}
    needs = {oid: _reached(table, schema) for oid, table in listed.items()}
    groups = [
        [other for other in listed if oid == other or (oid in needs[other] and other in needs[oid])] for oid in listed
    ]
    return [[listed[oid] for oid in group] for group in dict.fromkeys(map(tuple, groups)) if len(group) > 1]


def _reached(table: Table, schema: Schema) -> set[int]:
    """The tables that a row needs, directly or by what it needs."""
    found: set[int] = set()
    waiting = [table]
    while waiting:
        now = waiting.pop()
        required = {column.name for column in now.columns if column.not_null}
        targets = {key.target for key in now.foreign_keys if required.issuperset(key.columns)} - found
        found |= targets
        waiting += [schema.tables[oid] for oid in targets if oid in schema.tables]
    return found


def plant_cycle(planter: Planter, tables: list[Table], world: World) -> None:
    """A row for each table, or for none: what was refused is left as it was."""
    drafts: list[Draft] = []
    for _ in range(2):  # the second time each finds the keys of the others
        drafts = [planter.draft(table, world) for table in tables]
        world.rows |= {draft.table.oid: dict(draft.values) for draft in drafts}
    text = _made(planter, drafts)
    rows = [planter.row(draft) if text else None for draft in drafts]
    for draft, row in zip(drafts, rows, strict=True):
        if row is None:
            world.rows.pop(draft.table.oid)
        else:
            world.rows[draft.table.oid] = row
            planter.planted.statements[world.name, draft.table.oid] = text


def _made(planter: Planter, drafts: list[Draft]) -> str:
    """The statement that made the rows; empty where none did."""
    for _ in range(_MAX_TRIES):
        parts = [f"made_{n} as ({planter.insert_of(draft)})" for n, draft in enumerate(drafts)]
        text = f"with {', '.join(parts)} select 1"
        error = planter.execute(text)
        if error is None:
            return text
        refused = next((draft for draft in drafts if draft.table.name == error.diag.table_name), None)
        if refused is None or not learn(refused, error):
            break
    return ""
