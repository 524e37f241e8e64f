"""The schema as data: what catalog rules in Python and the row maker read of a database."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `type` is the base type's name, `domain` that of its domain if it has one, `elements` the labels of an
    enum (or of the elements of an array of it), `length` the limit of a varchar or char, else 0. `declared` is the type
    with its modifiers (`numeric(5,2)`), `checks` the definitions of the domain's constraints, `fields` how many columns
    a composite type has.
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
    declared: str = ""
    checks: tuple[str, ...] = ()
    fields: int = 0


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
    each CHECK constraint to its definition, `indexes` each unique index to its columns, `exclusions` each exclusion
    constraint to its definition, `triggers` each trigger to its function (`schema.name`), `bounds` each partition to
    its bound.
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
    indexes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    exclusions: dict[str, str] = field(default_factory=dict)
    triggers: dict[str, str] = field(default_factory=dict)
    partition_key: str = ""
    bounds: dict[str, str] = field(default_factory=dict)

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class Routine:
    """A function of the history's own: the names of its arguments ("" where they have none) and its source."""

    arguments: tuple[str, ...]
    body: str


@dataclass(slots=True)
class Schema:
    """Tables by oid. `users` is the oid of `auth.users`, 0 where there is none; `routines` are the functions that
    constraints call, by bare name, those left out that exist more than once.
    """

    tables: dict[int, Table] = field(default_factory=dict)
    users: int = 0
    routines: dict[str, Routine] = field(default_factory=dict)

    @property
    def exposed(self) -> list[Table]:
        return [table for table in self.tables.values() if table.exposed]
