"""Values for the arguments of functions: of types that are no plain ones, and from the table that one is named after."""

# ruff: noqa: E501 - queries are easier to read in long lines

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from auditor.facts.schema import Table
    from auditor.sources.database import Database

_TYPES = """
select format_type(t.oid, null) as name, t.typtype::text as kind, t.typcategory::text as category,
  case when t.typtype = 'd' then format_type(t.typbasetype, null) when t.typcategory = 'A' then format_type(t.typelem, null) else '' end as base,
  coalesce((select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid), '{}') as labels,
  coalesce((select array_agg(a.attname::text order by a.attnum) from pg_attribute a
    where a.attrelid = t.typrelid and t.typrelid <> 0 and a.attnum > 0 and not a.attisdropped), '{}') as names,
  coalesce((select array_agg(format_type(a.atttypid, null) order by a.attnum) from pg_attribute a
    where a.attrelid = t.typrelid and t.typrelid <> 0 and a.attnum > 0 and not a.attisdropped), '{}') as types
from pg_type t
where t.oid in (select unnest(p.proargtypes) from pg_proc p join own_function f on f.oid = p.oid where f.definer)
  or t.typtype in ('e', 'd') or (t.typtype = 'c' and exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
  or exists (select from pg_type e where e.oid = t.typelem and t.typcategory = 'A' and e.typtype in ('e', 'd', 'c'))
"""
_DEPTH = 4
_SHORT = 3
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TEXTS = {"text", "character varying", "citext", "character", "name"}


@dataclass(frozen=True, slots=True)
class _Type:
    kind: str
    category: str
    base: str
    labels: list[str]
    fields: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Types:
    """The types that a history made, by their name."""

    known: dict[str, _Type]

    def value(self, name: str, kind: str, plain: Callable[[str, str], object], depth: int = _DEPTH) -> object:
        """A value for an argument of any type; `plain` makes those of the plain ones. LookupError where there is none."""
        found = self.known.get(kind)
        if depth == 0 or (found is None and not kind.endswith("[]")):
            return plain(name, kind)
        if found is None or found.category == "A":
            base = found.base if found and found.base else kind.removesuffix("[]")
            return _array([self.value(_single(name), base, plain, depth - 1)])
        if found.kind == "d":
            return self.value(name, found.base, plain, depth - 1)
        if found.kind == "c":
            return _composite([self.value(field, of, plain, depth - 1) for field, of in found.fields])
        fixed = {"e": found.labels[:1], "r": ["empty"], "m": ["{}"]}.get(found.kind)
        return fixed[0] if fixed else plain(name, kind)


def read_types(database: Database) -> Types:
    return Types({row["name"]: _type(row) for row in database.select(_TYPES)})


def _type(row: dict[str, object]) -> _Type:
    names, types, labels = (_texts(row[key]) for key in ("names", "types", "labels"))
    fields = list(zip(names, types, strict=True))
    return _Type(str(row["kind"]), str(row["category"]), str(row["base"]), labels, fields)


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _single(name: str) -> str:
    """`user_ids` holds what `user_id` is."""
    return name.removesuffix("s") if name.endswith("ids") else name


def _array(values: list[object]) -> str:
    return "{" + ",".join(_quoted(value) for value in values) + "}"


def _composite(values: list[object]) -> str:
    return "(" + ",".join("" if value is None else _quoted(value) for value in values) + ")"


def _quoted(value: object) -> str:
    text = "NULL" if value is None else str(value)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return text if value is None else f'"{escaped}"'


def named_after(table: Table, stem: str) -> bool:
    name = table.name.lower()
    short = len(stem) >= _SHORT and name.startswith(stem)  # org, after organizations
    return short or name in _plurals(stem)


def _plurals(stem: str) -> set[str]:
    return {stem, f"{stem}s", f"{stem}es", f"{stem.removesuffix('y')}ies"}


def distance(table: Table, stem: str) -> tuple[bool, bool, str]:
    """Of orgs, organizations and org_settings the first is meant by `org`, else the second."""
    name = table.name.lower()
    return name not in _plurals(stem), "_" in name[len(stem) :], name


def spoken_of(body: str, tables: Iterable[Table]) -> list[Table]:
    """The tables whose names stand in the body of a function, in that order."""
    found = ((re.search(rf'(?<!\w)"?{re.escape(table.name)}"?(?!\w)', body), table) for table in tables)
    return [table for match, table in sorted(((m, t) for m, t in found if m), key=lambda pair: pair[0].start())]


def takes(kind: str, of: str, value: object) -> bool:
    """Whether an argument takes the value of a column; not every text is a uuid."""
    like = {of, kind} <= {"uuid", *TEXTS} and (kind != "uuid" or _UUID.fullmatch(str(value)) is not None)
    return of == kind or like
