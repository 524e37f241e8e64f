"""Own-row INSERT policies that leave a privileged column to the caller's choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.self_grants import ask_self_grants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    yield from ask_self_grants(database, "insert", "callers may choose the column")
