"""Two more users who belong to the first world's tenant: one with the lowest role, one with the highest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.ownership import people
from auditor.facts.row_members import find_memberships, labels, role_label
from auditor.facts.rows import World
from auditor.sources.plant_users import user_text

if TYPE_CHECKING:
    from auditor.facts.ownership import Owned
    from auditor.facts.row_members import Membership
    from auditor.facts.schema import Schema, Table
    from auditor.sources.planting import Planter

_NAMES = ("member", "admin")


def plant_members(planter: Planter, schema: Schema, owned: dict[int, Owned]) -> None:
    """What a constraint or a trigger refuses is left out; nothing is forced here."""
    memberships = [found for found in find_memberships(schema, owned) if _tenant_is_planted(found, planter)]
    if not memberships or not schema.users:
        return
    own = people(schema) | {found.table.oid for found in memberships}
    profiles = [schema.tables[oid] for oid in _profiles(memberships, people(schema)) if oid in schema.tables]
    for name in _NAMES:
        rows = {oid: row for oid, row in planter.planted.worlds[0].rows.items() if oid not in own}
        world = World(name, rows)
        statements = _statements(planter, world, profiles, memberships)
        if statements:
            planter.planted.members[name] = world
            planter.planted.member_statements[name] = statements


def _tenant_is_planted(membership: Membership, planter: Planter) -> bool:
    keys = [key for key in membership.table.foreign_keys if membership.tenant in key.columns]
    return all(key.target in planter.planted.worlds[0].rows for key in keys)


def _profiles(memberships: list[Membership], persons: set[int]) -> list[int]:
    """Tables of one row a user that the memberships lead to."""
    members = {found.table.oid for found in memberships}
    targets = [key.target for found in memberships for key in found.table.foreign_keys if key.target in persons]
    return [oid for oid in dict.fromkeys(targets) if oid not in members]


def _statements(planter: Planter, world: World, profiles: list[Table], memberships: list[Membership]) -> list[str]:
    text = user_text(world, planter.session)
    if planter.execute(text) is not None:
        return []
    own = [made for table in profiles if (made := _profile(planter, world, table))]
    rows = [made for membership in memberships if (made := _row(planter, world, membership))]
    return [text, *own, *rows] if rows else []


def _profile(planter: Planter, world: World, table: Table) -> str | None:
    if (row := planter.existing(table, world)) is not None:
        world.rows[table.oid] = row
        return None
    return None if planter.attempt(planter.draft(table, world)) else _taken(planter, world, table)


def _row(planter: Planter, world: World, membership: Membership) -> str | None:
    table = membership.table
    draft = planter.draft(table, world)
    tenant = planter.tenant_of(membership.tenant, table)
    if tenant is None:
        return None
    draft.values |= {membership.user: world.user, membership.tenant: tenant}
    draft.fixed |= {membership.user: [], membership.tenant: []}
    column = table.column(membership.role)
    if column and (label := role_label(labels(table, column), highest=world.name == "admin")):
        draft.values[column.name] = label
        draft.fixed[column.name] = []
    return None if planter.attempt(draft, widen=False) else _taken(planter, world, table)


def _taken(planter: Planter, world: World, table: Table) -> str:
    """The statement that made a row, which belongs to the member and not to a world."""
    return planter.planted.statements.pop((world.name, table.oid))
