"""What the repository's generated types know and its migrations do not make: made by hand on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model import Answer, FileSpan, Severity, State
from auditor.sources.database import PLATFORM_SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.facts.schema import Table
    from auditor.sources.database import Database

_FEW = 5


def ask(database: Database) -> Iterator[Answer]:
    if database.source != "shadow" or database.types is None:
        return
    path, known = database.types
    typed = {name: columns for name, columns in known.items() if name.partition(".")[0] not in PLATFORM_SCHEMAS}
    made = {f"{table.schema}.{table.name}": table for table in database.schema.tables.values() if not table.partition}
    schemas = {name.partition(".")[0] for name in typed}
    for name in sorted(typed.keys() | {name for name in made if name.partition(".")[0] in schemas}):
        yield _answer(path, name, typed.get(name), made.get(name), database)


def _answer(path: str, name: str, columns: Mapping[str, str] | None, table: Table | None, database: Database) -> Answer:
    place = FileSpan(path, 1)
    if "*" in database.uncertain or name in database.uncertain:
        return Answer(f"table {name}", State.UNKNOWN, "a migration about it did not replay", place)
    if table is None:
        detail = "the generated types have it, no migration makes it: it was made on the server"
        return Answer(f"table {name}", State.FAIL, detail, place, evidence="not made")
    if columns is None:
        detail = "the migrations make it, the generated types do not have it: not applied, or types not made anew"
        return Answer(f"table {name}", State.FAIL, detail, place, severity=Severity.INFO, evidence="not in the types")
    unknown = sorted(columns.keys() - {column.name for column in table.columns})
    if unknown:
        listed = ", ".join(unknown[:_FEW]) + (" …" if len(unknown) > _FEW else "")
        return Answer(
            f"table {name}", State.FAIL, f"no migration makes its columns {listed}", place, evidence="columns"
        )
    return Answer(f"table {name}", State.OK, "as the generated types have it", place)
