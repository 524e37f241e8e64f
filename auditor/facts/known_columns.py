"""The tables and models that a repository declares, by their columns, and whether their rows belong to somebody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.audit_names import folded
from auditor.facts.declared_models import declared_models
from auditor.facts.lookups import OWNER, WHO
from auditor.facts.tables import prisma_tables, sql_tables
from auditor.facts.units import is_example, is_test, is_vendored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.parsed_files import Files
    from auditor.facts.servers import Listed

_PERSONAL = re.compile(rf"^(?:{WHO})s?$", re.IGNORECASE)
_CREATES = re.compile(
    r"\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?[\"`]?(?:\w+\.)?[\"`]?(?P<name>\w+)[\"`]?\s*\((?P<columns>[^;]{0,4000}?)\)\s*[;`\"']",
    re.IGNORECASE,
)


def known_columns(repository: Listed, code: Files) -> dict[str, set[str]]:
    """Folded names of tables and models, and what their columns are called."""
    sql, found = {}, []
    for path in repository.files:
        if is_vendored(path) or is_test(path) or is_example(path):
            continue
        if path.endswith(".prisma"):
            found += list(prisma_tables(path, repository.text(path) or ""))
        elif path.endswith(".sql"):
            sql[path] = repository.text(path) or ""
    found += sql_tables(sql).values()
    named = [(name, [c.code for c in table.columns.values()]) for table in found for name in (table.code, table.name)]
    known: dict[str, set[str]] = {}
    for name, columns in (*named, *declared_models(code), *_made_in_code(code)):
        known.setdefault(folded(name), set()).update(columns)
    return known


def owned_tables(columns: dict[str, set[str]]) -> dict[str, bool]:
    """Folded names of tables and models, and whether their rows belong to somebody."""
    return {
        name: bool(_PERSONAL.match(name)) or any(OWNER.search(column) for column in found)
        for name, found in columns.items()
    }


def _made_in_code(code: Files) -> Iterator[tuple[str, list[str]]]:
    """Tables that code creates by a statement of its own."""
    for path in code.files:
        for match in _CREATES.finditer(code.text(path)) if re.search("[tT]able|TABLE", code.text(path)) else ():
            yield match["name"], re.findall(r"(?m)(?:^|,|\()\s*[\"`]?(\w+)[\"`]?\s+\w", match["columns"])
