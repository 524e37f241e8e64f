"""Schemas that let any further key through to the database."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.effects import WRITE
from auditor.facts.endpoint_data import open_schema
from auditor.facts.py_routes import is_python
from auditor.facts.syntax import text_of
from auditor.model import Answer, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_VALID = r"c\.req\.valid\([^()]*\)|parsedInput|input|parsed\.data|result\.data"
_PARSED = re.compile(
    r"\b(?:const|let|var)\s+(\w+)\s*=\s*(?:await\s+)?(?:[\w.]+\.(?:parse|parseAsync|validate|validateSync|cast)\(|c\.req\.valid\()"
)


def ask(repository: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    del repository
    for path, reason in code.unread.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason)
    for endpoint in inventory.asked:
        if not is_python(endpoint) and endpoint.handler is not None and (found := _answer(inventory, endpoint)):
            yield found


def _answer(inventory: Inventory, endpoint: Endpoint) -> Answer | None:
    found, loose = open_schema(inventory, endpoint)
    if not found:
        return None
    if loose is None:
        return Answer(endpoint.subject, State.OK, "its schemas let no further key through", endpoint.where)
    if not (table := _written_whole(inventory, endpoint)):
        return Answer(endpoint.subject, State.OK, "open, and nothing writes what it gives as a whole", endpoint.where)
    detail = f"the schema lets further keys through, and what it gives is written to {table} as a whole"
    return Answer(endpoint.subject, State.FAIL, detail, loose, severity=Severity.LOW, evidence="loose")


def _written_whole(inventory: Inventory, endpoint: Endpoint) -> str:
    """The table that a parsed input is written to with all that it holds; empty for none."""
    names = "|".join([*map(re.escape, {m[1] for m in _PARSED.finditer(inventory.text(endpoint))}), _VALID])
    whole = re.compile(rf"(?:\b(?:data|set|create|update)\s*:\s*|[({{,]\s*\.\.\.|\((?:\[\s*)?)(?:{names})\s*[,)}}\]]")
    for effect in inventory.effects(endpoint):
        if effect.kind == WRITE and whole.search(text_of(effect.call.node)):
            return effect.table or "the database"
    return ""
