"""Values for rows that satisfy a schema: by type and name first, then by what the server's errors say.

A *world* is a user with everything that belongs to them; ids are uuid5 and times fixed, so two scans are the same.
"""

# ruff: noqa: E501 - tables are easier to read in long lines

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

if TYPE_CHECKING:
    from auditor.facts.schema import Column, Schema, Table

_TIME = "2026-01-01 00:00:00+00"
_PRIVATE = ("draft", "private", "pending", "inactive", "unpublished", "hidden", "member", "user", "viewer")
_OPEN_NAME = re.compile(r"public|publish|visible|shared|listed|open|active|approved|featured", re.IGNORECASE)
_RANDOM = re.compile(r"random|uuid|now\(|clock_|current_timestamp|timeofday", re.IGNORECASE)
_FIRST_ID = {False: 900_000, True: 30_000}  # ids that no seed uses, the second for smallint
_LITERALS = re.compile(r"'((?:[^']|'')*)'::(?:text|character varying|bpchar|\w+)")
_CANDIDATES: dict[str, tuple[Any, ...]] = {
    "N": (1, 0, 2, 5, 10, 50, 100, 1000, 12, 2026, 0.5, -1),
    "S": ("audit", "abc", "audit-row", "a@example.com", "https://example.com/a", "#a1b2c3", "+15555550100", "USD", "US", "en",
          "a" * 10, "a" * 32, "a" * 64, "A", "1", "12:00", "2026-01-01", "", "/a", "AUDIT", "en-US", "a" * 200),
    "B": (False, True),
    "D": (_TIME, "2030-01-01 00:00:00+00", "2020-01-01 00:00:00+00"),
}  # fmt: skip
_BY_TYPE = {
    "uuid": None, "json": "{}", "jsonb": "{}", "bytea": "\\x61", "inet": "192.0.2.1", "cidr": "192.0.2.0/24",
    "macaddr": "08:00:2b:01:02:03", "interval": "1 day", "time without time zone": "12:00", "time with time zone": "12:00+00",
    "date": "2026-01-01", "tsvector": "", "tsquery": "a", "xml": "<a/>", "point": "(0,0)", "int4range": "[1,2)",
    "int8range": "[1,2)", "numrange": "[1,2)", "tsrange": "[2026-01-01,2026-01-02)", "tstzrange": "[2026-01-01,2026-01-02)",
    "daterange": "[2026-01-01,2026-01-02)", "bit": "1", "bit varying": "1", "ltree": "a", "hstore": "", "oid": 1,
    "regclass": "pg_class", "money": "1", "name": "audit", "box": "(0,0),(1,1)", "circle": "<(0,0),1>", "path": "((0,0),(1,1))",
    "polygon": "((0,0),(1,1))", "line": "{1,1,1}", "lseg": "[(0,0),(1,1)]", "pg_lsn": "0/0", "txid_snapshot": "1:1:",
}  # fmt: skip


@dataclass(slots=True)
class World:
    """One user: `name` is a letter, `rows` the row planted for each table, by oid, as the server returned it.

    `owner` is the world whose user the rows are written for, itself if empty.
    """

    name: str
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    owner: str = ""

    @property
    def user(self) -> str:
        return World(self.owner).user if self.owner else self.uuid("user")

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"

    def uuid(self, what: str) -> str:
        return str(uuid5(NAMESPACE_URL, f"https://backend-audit.invalid/{self.name}/{what}"))


@dataclass(slots=True)
class Draft:
    """A row to try. `tries` counts, per column, how many candidates were refused."""

    table: Table
    world: World
    values: dict[str, Any]
    tries: dict[str, int] = field(default_factory=dict)


def order_tables(schema: Schema) -> list[Table]:
    """Tables with what their foreign keys need before them; a cycle is entered at its first table by name."""
    ordered: list[Table] = []
    seen: set[int] = set()

    def visit(table: Table, path: tuple[int, ...]) -> None:
        if table.oid in seen or table.oid in path:
            return
        for key in table.foreign_keys:
            if key.target in schema.tables:
                visit(schema.tables[key.target], (*path, table.oid))
        seen.add(table.oid)
        ordered.append(table)

    for table in sorted(schema.tables.values(), key=lambda t: (len(t.foreign_keys), t.identity)):
        visit(table, ())
    return ordered


def draft_row(table: Table, schema: Schema, world: World, owner_columns: tuple[str, ...], tenant: str | None) -> Draft:
    """The first try: foreign keys to the world's own rows, owner and tenant columns, and what has no default."""
    draft = Draft(table, world, {})
    for column in table.columns:
        if counts_up(table, column):
            draft.values[column.name] = _FIRST_ID[column.type == "smallint"] + ord(world.name)
        elif _wants_value(column) and not column.generated and not column.identity_always:
            draft.values[column.name] = value_for(table, column, world, 0)
    for name in owner_columns:
        if (owner := table.column(name)) and _fits_id(owner):
            draft.values[name] = world.user
    if tenant and tenant not in table.primary_key and (holder := table.column(tenant)) and _fits_id(holder):
        draft.values[tenant] = world.uuid("tenant")
    _follow_keys(draft, schema)
    return draft


def counts_up(table: Table, column: Column) -> bool:
    """A key that a sequence fills: written out, a transcript finds the row again on another replay."""
    counter = column.identity_always or (column.category == "N" and "nextval(" in (column.default or ""))
    return column.name in table.primary_key and (counter or column.identity)


def _wants_value(column: Column) -> bool:
    if column.category == "B" and _OPEN_NAME.search(column.name):
        return True  # a row that its owner did not publish: the default may be open
    if column.default is not None and _RANDOM.search(column.default):
        return True  # two scans must plant the same rows
    return column.not_null and column.default is None


def _fits_id(column: Column) -> bool:
    return column.type in {"uuid", "text", "character varying"}


def _follow_keys(draft: Draft, schema: Schema) -> None:
    for key in draft.table.foreign_keys:
        row = draft.world.rows.get(key.target)
        for name, target in zip(key.columns, key.target_columns, strict=True):
            if key.target == schema.users and target == "id":
                draft.values[name] = draft.world.user
            elif row is not None and row.get(target) is not None:
                draft.values[name] = row[target]
            elif (column := draft.table.column(name)) and not column.not_null:
                draft.values[name] = None


def value_for(table: Table, column: Column, world: World, attempt: int) -> Any:  # noqa: ANN401 - any SQL value
    """The `attempt`-th candidate for a column; raises LookupError when there are no more."""
    options = _options(table, column, world)
    if attempt >= len(options):
        raise LookupError(column.name)
    return options[attempt]


def _options(table: Table, column: Column, world: World) -> list[Any]:
    if column.elements:
        return _private_first(list(column.elements))
    if column.type.endswith("[]"):
        return ["{}", "{audit}", "{1}"]
    if column.type == "uuid":
        return [world.uuid(f"{table.identity}.{column.name}")]
    if column.type in _BY_TYPE:
        return [_BY_TYPE[column.type]]
    if column.type.startswith(("vector", "halfvec", "extensions.vector", "extensions.halfvec")):
        return ["[" + ",".join(["0.1"] * n) + "]" for n in (1536, 768, 384, 1024, 3072, 3)]
    listed = _private_first(_listed(table, column)) if column.category == "S" else []
    found = [*listed, *_CANDIDATES.get(column.category, _CANDIDATES["S"])]
    return [_personal(value, column, world) for value in found]


def _private_first(labels: list[str]) -> list[str]:
    return sorted(labels, key=lambda label: (label.lower() not in _PRIVATE, labels.index(label)))


def _listed(table: Table, column: Column) -> list[str]:
    """The literals of CHECK constraints on a column: `status in ('draft', 'live')`."""
    texts = [check for check in table.checks.values() if re.search(rf'\b"?{re.escape(column.name)}"?\b', check)]
    return [match[1].replace("''", "'") for text in texts for match in _LITERALS.finditer(text) if "~" not in text]


def _personal(value: Any, column: Column, world: World) -> Any:  # noqa: ANN401 - any SQL value
    """Make a text value the world's own, so that unique columns hold for two worlds, and fit its length."""
    if column.category != "S" or not isinstance(value, str):
        return value
    if re.search("email", column.name, re.IGNORECASE):
        return world.email
    if value == "audit":
        value = f"audit {world.name} {column.name}"
    elif value == "audit-row":
        value = f"audit-{world.name}-{column.name}".lower().replace("_", "-")
    return value[: column.length] if column.length else value


def next_try(draft: Draft, columns: list[str]) -> bool:
    """Move on to the next candidates of `columns`, like an odometer; False when all were tried."""
    for name in columns:
        column = draft.table.column(name)
        if column is None or column.generated or column.identity_always:
            continue
        draft.tries[name] = draft.tries.get(name, -1) + 1
        try:
            draft.values[name] = value_for(draft.table, column, draft.world, draft.tries[name])
        except LookupError:
            draft.tries[name] = -1
            continue
        return True
    return False


def columns_of_check(table: Table, constraint: str) -> list[str]:
    """The columns that the definition of a CHECK constraint names."""
    definition = table.checks.get(constraint, "")
    return [c.name for c in table.columns if re.search(rf'(?<!\w)"?{re.escape(c.name)}"?(?!\w)', definition)]
