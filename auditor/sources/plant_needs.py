"""Rows of the other world that a row leads to: somebody can only follow somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditor.facts.row_solver import Draft
    from auditor.facts.rows import World
    from auditor.facts.schema import ForeignKey, Schema
    from auditor.sources.planting import Planted


def needs_of(draft: Draft, planted: Planted, schema: Schema) -> list[str]:
    """Statements of the other world that the row's keys lead to."""
    found: list[str] = []
    for key in draft.table.foreign_keys:
        value = draft.values.get(key.columns[0])
        for world in planted.worlds:
            strange = world.name != draft.world.name and target_of(draft.world, key, schema) != value
            if strange and value is not None and target_of(world, key, schema) == value:
                found += [planted.users[world.name]] if world.name in planted.users else []
                found += _ancestry(world, key.target, planted, schema)
    return list(dict.fromkeys(found))


def _ancestry(world: World, oid: int, planted: Planted, schema: Schema) -> list[str]:
    wanted: set[int] = set()
    waiting = [oid]
    while waiting:
        oid = waiting.pop()
        if oid not in wanted and oid in schema.tables:
            wanted.add(oid)
            waiting += [key.target for key in schema.tables[oid].foreign_keys]
    return [text for (name, oid), text in planted.statements.items() if name == world.name and oid in wanted]


def target_of(world: World, key: ForeignKey, schema: Schema) -> Any:  # noqa: ANN401 - any SQL value
    """What a key of one column leads to in a world."""
    if key.target == schema.users:
        return world.user
    return world.rows.get(key.target, {}).get(key.target_columns[0])
