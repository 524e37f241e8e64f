"""Where a statement of the history stands that the recorder has no object for: roles, grants, default privileges."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.statements import Statement
    from auditor.sources.database import Database


def statements_of(database: Database, *kinds: str) -> Iterator[Statement]:
    """The statements of some kinds, latest first; a DO block may hold any of them."""
    if database.replay:
        yield from (s for s in reversed(database.replay.statements) if s.kind in {*kinds, "do_stmt"})


def place_of(database: Database, kinds: tuple[str, ...], *words: str) -> FileSpan | None:
    """The latest statement of some kinds in which all of the words stand."""
    for statement in statements_of(database, *kinds):
        if all(re.search(rf"\b{re.escape(word)}\b", statement.text, re.IGNORECASE) for word in words):
            return FileSpan(statement.path, statement.line, statement.end_line)
    return None
