"""Rows that satisfy a schema: drafted by type, keys and ownership, then made to agree with the CHECK constraints.

A *world* is a user with everything that belongs to them; ids are uuid5 and times fixed, so two scans are the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from auditor.facts.ownership import speaks_for_users
from auditor.facts.row_bounds import bound_check
from auditor.facts.row_checks import read_checks
from auditor.facts.row_functions import written_out
from auditor.facts.row_solver import Draft, default_of, solve
from auditor.facts.row_values import candidates, fits

if TYPE_CHECKING:
    from auditor.facts.schema import Column, ForeignKey, Schema, Table

_OPEN_NAME = re.compile(r"public|publish|visible|shared|listed|open|active|approved|featured", re.IGNORECASE)
_IN_FORCE = re.compile(r"active|approved|verified|enabled|confirmed|accepted", re.IGNORECASE)
_RANDOM = re.compile(r"random|uuid|now\(|clock_|current_timestamp|timeofday", re.IGNORECASE)
_FIRST_ID = {False: 900_000, True: 30_000}  # ids that no seed uses, the second for smallint


@dataclass(slots=True)
class World:
    """One user: `name` is a letter, `rows` the row planted for each table, by oid, as the server returned it.

    `owner` is the world whose user the rows are written for, itself if empty; `borrowed` are rows of the history's own
    that foreign keys may lead to where none could be planted.
    """

    name: str
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    owner: str = ""
    borrowed: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def user(self) -> str:
        return World(self.owner).user if self.owner else self.uuid("user")

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"

    @property
    def number(self) -> int:
        """A small number of its own, so that two worlds' rows can lie side by side."""
        return ord(self.name) - ord("a") if len(self.name) == 1 else 3 + sum(map(ord, self.name)) % 20

    def uuid(self, what: str) -> str:
        return str(uuid5(NAMESPACE_URL, f"https://backend-audit.invalid/{self.name}/{what}"))


def order_tables(schema: Schema) -> list[Table]:
    """Tables with what their foreign keys need before them; a cycle is entered where a key may be null."""
    ordered: list[Table] = []
    seen: set[int] = set()

    def visit(table: Table, path: tuple[int, ...]) -> None:
        if table.oid in seen or table.oid in path:
            return
        for key in sorted(table.foreign_keys, key=lambda key: not _required(table, key)):
            closes = key.target in path and not _required(table, key)
            if key.target in schema.tables and not closes:
                visit(schema.tables[key.target], (*path, table.oid))
        if table.oid not in seen:
            seen.add(table.oid)
            ordered.append(table)

    for table in sorted(schema.tables.values(), key=lambda t: (_needed(t), len(t.foreign_keys), t.identity)):
        visit(table, ())
    return ordered


def _needed(table: Table) -> int:
    return sum(_required(table, key) for key in table.foreign_keys if key.target != table.oid)


def _required(table: Table, key: ForeignKey) -> bool:
    return all((column := table.column(name)) is not None and column.not_null for name in key.columns)


def draft_row(table: Table, schema: Schema, world: World, owner_columns: tuple[str, ...], tenant: str | None) -> Draft:
    """The first try: foreign keys to the world's own rows, owner and tenant columns, and what has no default."""
    found = [*read_checks(table), *bound_check(table)]
    checks = [replace(check, term=written_out(check.term, schema.routines)) for check in found]
    draft = Draft(table, world, checks, {}, {})
    in_force = speaks_for_users(table, schema)
    for column in table.columns:
        if counts_up(table, column):
            draft.values[column.name] = _FIRST_ID[column.type == "smallint"] + world.number + ord("a")
        elif in_force and column.category == "B" and _IN_FORCE.search(column.name):
            draft.values[column.name] = True
        elif _wants_value(column) and not column.generated and not column.identity_always:
            draft.values[column.name] = first_value(draft, column)
    for name in owner_columns:
        if (owner := table.column(name)) and _fits_id(owner):
            draft.values[name] = world.user
            draft.fixed[name] = []
    if tenant and tenant not in table.primary_key and (holder := table.column(tenant)) and _fits_id(holder):
        draft.values[tenant] = world.uuid("tenant")
        draft.fixed[tenant] = []
    _follow_keys(draft, schema)
    solve(draft)
    return draft


def first_value(draft: Draft, column: Column) -> Any:  # noqa: ANN401 - any SQL value
    options = candidates(draft.table, column, draft.world, draft.checks)
    return next((value for value in options if fits(column, value)), None)


def counts_up(table: Table, column: Column) -> bool:
    """A key that a sequence fills: written out, a transcript finds the row again on another replay."""
    counter = column.identity_always or (column.category == "N" and "nextval(" in (column.default or ""))
    return column.name in table.primary_key and (counter or column.identity)


def _wants_value(column: Column) -> bool:
    if column.category == "B" and _OPEN_NAME.search(column.name):
        return True  # a row that its owner did not publish: the default may be open
    if column.default is not None and _RANDOM.search(column.default):
        return True  # two scans must plant the same rows
    return (column.not_null and column.default is None) or not fits(column, default_of(column))


def _fits_id(column: Column) -> bool:
    return column.type in {"uuid", "text", "character varying"}


def _follow_keys(draft: Draft, schema: Schema) -> None:
    for key in draft.table.foreign_keys:
        row = draft.world.rows.get(key.target) or draft.world.borrowed.get(key.target)
        for name, target in zip(key.columns, key.target_columns, strict=True):
            column = draft.table.column(name)
            if key.target == schema.users and target == "id":
                draft.values[name] = draft.world.user
            elif row is not None and row.get(target) is not None:
                draft.values[name] = row[target]
            elif column and not column.not_null:
                draft.values[name] = None
            elif key.target == draft.table.oid and target in draft.values:
                draft.values[name] = draft.values[target]  # the first of its kind leads to itself
            draft.fixed.setdefault(name, [])
