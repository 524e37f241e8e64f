"""Extensions whose objects lie in a schema that the API serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.statement_places import statements_of
from auditor.model import Answer, DbObject, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.database import Database

# Those left out make a schema of their own whatever is asked.
_EXTENSIONS = """
select x.oid::bigint as oid, x.extname::text as name, quote_ident(x.extname) as quoted, n.nspname::text as schema, x.extrelocatable as movable
from pg_extension x
join pg_namespace n on n.oid = x.extnamespace
where n.nspname <> 'pg_catalog' and exists (select from api_role)
  and x.extname not in ('pg_net', 'pg_cron', 'pg_graphql', 'supabase_vault', 'pgsodium', 'pgmq', 'pg_tle', 'plpgsql', 'pg_stat_statements')
order by x.extname
"""  # noqa: E501 - queries are easier to read in long lines
_PG_EXTENSION = 3079  # the oid of pg_catalog.pg_extension, fixed in every PostgreSQL


def ask(database: Database) -> Iterator[Answer]:
    moved = _moved(database)
    for row in database.select(_EXTENSIONS):
        place = DbObject("extension", row["quoted"], _PG_EXTENSION, row["oid"])
        schema = moved.get(row["name"], row["schema"])
        if schema not in database.exposure.schemas:
            yield Answer(place.subject, State.OK, f"it lies in {schema}", place)
            continue
        detail = f"its functions and types lie in {schema}, which the API serves"
        severity = Severity.LOW if row["movable"] else Severity.INFO
        yield Answer(place.subject, State.FAIL, detail, place, severity=severity, evidence="extension in served schema")


def _moved(database: Database) -> dict[str, str]:
    """Where the history moves extensions to, which the shadow database refuses: there they are the superuser's."""
    moved: dict[str, str] = {}
    for statement in statements_of(database, "alter_object_schema_stmt"):
        if statement.kind == "alter_object_schema_stmt":
            name = statement.body.object.string.sval
            moved.setdefault(name, statement.body.newschema)
    return moved
