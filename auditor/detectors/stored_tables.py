"""The tables of a program by their names: as its migrations leave them, and as its code declares them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.built_tables import built_tables, is_built, kysely_tables
from auditor.facts.declared_documents import ENTITIES, SCHEMAS, document_tables, entity_tables
from auditor.facts.declared_tables import DRIZZLE, PYTHON, drizzle_tables, python_tables
from auditor.facts.histories import find_histories
from auditor.facts.purpose import is_aside
from auditor.facts.sites import mentions
from auditor.facts.tables import prisma_tables, sql_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.facts.tables import Column, Table
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository


@dataclass(slots=True)
class StoredTable:
    """One table; `declared` are its declarations in code, which may give it other names than the database does."""

    table: Table
    declared: list[Table] = field(default_factory=list)

    @property
    def views(self) -> list[Table]:
        return [self.table, *(table for table in self.declared if table is not self.table)]

    def still_has(self, column: Column) -> bool:
        """Whether the program's own description of the table has the column, where there is one."""
        return not self.declared or any(column.name.lower() in table.columns for table in self.declared)


def stored_tables(
    repository: Repository,
    code: Code,
    sql: list[dict[str, str]],
    matters: Callable[[Table], bool],
    *,
    documents: bool = False,
) -> dict[str, StoredTable]:
    """Each table once, by its name in the database; the migration that makes it wins over what code says of it, one in
    SQL over one in JavaScript.

    `documents`: what Mongoose, Sequelize and TypeORM store among them.
    """
    found: dict[str, StoredTable] = {}
    for files in sql:
        for table in sql_tables(files).values():
            if matters(table):
                found.setdefault(table.name.lower(), StoredTable(table))
    for table in _built(code):
        if matters(table):
            found.setdefault(table.name.lower(), StoredTable(table))
    for table in (*_declared(repository, code), *(_documents(code) if documents else ())):
        if matters(table):
            found.setdefault(table.name.lower(), StoredTable(table)).declared.append(table)
    return found


def sql_files(repository: Repository, hints: tuple[str, ...]) -> list[dict[str, str]]:
    """The migrations of each history in their order; those for other servers than PostgreSQL by their names.

    Nothing where no file has one of the words that a rule looks for.
    """
    paths = [path for path in repository.files if path.endswith((".sql", ".prisma", ".toml", ".json"))]
    if not any(path.endswith(".sql") and mentions((repository.text(path) or "").lower(), hints) for path in paths):
        return []
    found = find_histories(paths, repository.units, repository.text)
    files = [history.files for history in found.histories]
    for folder, reason in found.set_aside.items():
        if "PostgreSQL" in reason:
            inside = [path for path in paths if path.endswith(".sql") and path.startswith(folder + "/")]
            files.append({path: repository.text(path) or "" for path in inside})
    return files


def _built(code: Code) -> list[Table]:
    """The tables that migrations in JavaScript leave behind, in the order of their names."""
    paths = [path for path, language in code.files.items() if language != "python" and is_built(code.text(path))]
    return list(built_tables((path, code.nodes(path, "call_expression")) for path in sorted(paths)).values())


def _declared(repository: Repository, code: Code) -> Iterator[Table]:
    for path in repository.files:
        if path.endswith(".prisma") and not is_aside(path):
            yield from prisma_tables(path, repository.text(path) or "")
    for path, language in code.files.items():
        text = code.text(path)
        if language == "python" and mentions(text, PYTHON):
            yield from python_tables(path, code.nodes(path, "class_definition"))
        elif language != "python" and mentions(text, DRIZZLE):
            yield from drizzle_tables(path, code.nodes(path, "call_expression"))
    typed = [path for path, language in code.files.items() if language in {"typescript", "tsx"}]
    interfaces = ("interface_declaration", "type_alias_declaration")
    yield from kysely_tables(typed, code.text, lambda path: code.nodes(path, *interfaces))


def _documents(code: Code) -> Iterator[Table]:
    for path, language in code.files.items():
        text = code.text(path)
        if language == "python":
            continue
        if mentions(text, SCHEMAS):
            yield from document_tables(path, text, code.nodes(path, "new_expression", "call_expression"))
        if mentions(text, ENTITIES):
            yield from entity_tables(path, code.nodes(path, "class_declaration"))
