"""Models that TypeScript and JavaScript declare, with the columns that may say whose a row is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.declared_documents import ENTITIES, SCHEMAS, document_tables, entity_tables
from auditor.facts.declared_tables import DRIZZLE, drizzle_tables
from auditor.facts.sites import mentions
from auditor.facts.units import is_test, is_vendored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.parsed_files import Files
    from auditor.facts.tables import Column, Table


def declared_models(code: Files) -> Iterator[tuple[str, list[str]]]:
    """The names that each model goes by, each with the names of its columns; a model may come more than once."""
    for path, language in code.files.items():
        if language != "python" and not (is_test(path) or is_vendored(path)):
            for table, columns in _tables(code, path):
                yield from ((name, columns) for name in {table.name, table.code})


def _tables(code: Files, path: str) -> Iterator[tuple[Table, list[str]]]:
    text = code.text(path)
    listed: list[Table] = []
    if mentions(text, DRIZZLE):
        listed += drizzle_tables(path, code.nodes(path, "call_expression"))
    if mentions(text, ENTITIES):
        listed += entity_tables(path, code.nodes(path, "class_declaration"))
    yield from ((table, [column.code for column in table.columns.values()]) for table in listed)
    if mentions(text, SCHEMAS):
        for table in document_tables(path, text, code.nodes(path, "call_expression", "new_expression")):
            yield table, [column.code for column in table.columns.values() if _may_point(column)]


def _may_point(column: Column) -> bool:
    """Documents name a person by an id, and hold texts such as `userName` beside it."""
    return column.type != "text" or column.code.lower().endswith(("id", "by"))
