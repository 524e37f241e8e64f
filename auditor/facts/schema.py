"""The schema as data: what catalog rules in Python and the row maker read of a database."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `type` is the base type's name, `domain` that of its domain if it has one, `elements` the labels of an
    enum, `length` the limit of a varchar or char, else 0.
    """

    name: str
    type: str
    category: str
    not_null: bool
    default: str | None
    generated: bool
    identity_always: bool
    identity: bool = False
    domain: str = ""
    elements: tuple[str, ...] = ()
    length: int = 0


@dataclass(frozen=True, slots=True)
class ForeignKey:
    name: str
    columns: tuple[str, ...]
    target: int
    target_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """`command` is one of select, insert, update, delete, all; `roles` is ("public",) for everybody."""

    oid: int
    name: str
    command: str
    permissive: bool
    roles: tuple[str, ...]
    using: str | None
    check: str | None

    @property
    def writes(self) -> bool:
        return self.command != "select"


@dataclass(slots=True)
class Table:
    """A table of the application's own schemas, `identity` is `schema.name` quoted as needed.

    `privileges` maps each API role that can use the schema to the commands granted to it; `checks` maps the name of
    each CHECK constraint to its definition.
    """

    oid: int
    schema: str
    name: str
    identity: str
    rls: bool
    exposed: bool
    privileges: dict[str, tuple[str, ...]]
    columns: tuple[Column, ...] = ()
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: dict[str, str] = field(default_factory=dict)
    policies: tuple[Policy, ...] = ()
    partition: bool = False

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


@dataclass(slots=True)
class Schema:
    """Tables by oid. `users` is the oid of `auth.users`, 0 where there is none."""

    tables: dict[int, Table] = field(default_factory=dict)
    users: int = 0

    @property
    def exposed(self) -> list[Table]:
        return [table for table in self.tables.values() if table.exposed]
