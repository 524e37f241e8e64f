"""Foreign tables in a schema that the API serves.

The shadow database has no foreign servers, so there the statements are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.statements import relation_name
from auditor.model import Answer, DbObject, FileSpan, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.statements import Statement
    from auditor.sources.database import Database

_TABLES = """
select r.oid::bigint as oid, r.identity, e.oid is not null as served, a.sentence
from relation r left join exposed e on e.oid = r.oid left join access a on a.oid = r.oid
where r.kind = 'f' and exists (select from api_role)
order by r.identity
"""
_PG_CLASS = 1259  # the oid of pg_catalog.pg_class, fixed in every PostgreSQL


def ask(database: Database) -> Iterator[Answer]:
    for row in database.select(_TABLES):
        place = DbObject("foreign table", row["identity"], _PG_CLASS, row["oid"])
        yield _answer(place.subject, place, row["sentence"] if row["served"] else None)
    if database.replay and database.api_roles:
        yield from _written(database, database.replay.statements)


def _answer(subject: str, place: DbObject | FileSpan, access: str | None) -> Answer:
    if access is None:
        return Answer(subject, State.OK, "no API role reaches it", place)
    detail = f"no policy can guard it, and the API serves it: {access}"
    return Answer(subject, State.FAIL, detail, place, evidence="foreign table served")


def _written(database: Database, statements: list[Statement]) -> Iterator[Answer]:
    """Foreign tables that the history makes and neither drops nor closes again."""
    made = {_name(s.body.base_stmt.relation): s for s in statements if s.kind == "create_foreign_table_stmt"}
    changed = [s for s in statements if s.kind in {"drop_stmt", "grant_stmt", "alter_object_schema_stmt"}]
    for name, statement in sorted(made.items()):
        later = [s for s in changed if s.number > statement.number and name.partition(".")[2] in s.text]
        taken = any(s.kind != "grant_stmt" or not s.body.is_grant for s in later)
        given = database.exposure.legacy and name.startswith("public.")
        given = given or any(s.kind == "grant_stmt" and s.body.is_grant for s in later)
        served = name.partition(".")[0] in database.exposure.schemas
        where = FileSpan(statement.path, statement.line, statement.end_line)
        access = "the API roles hold what the schema grants by default" if served and given and not taken else None
        yield _answer(f"foreign table {name}", where, access)


def _name(relation: object) -> str:
    name = relation_name(relation)
    return name if "." in name else f"public.{name}"
