"""Own-row UPDATE policies that leave a privileged column open to its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.self_grants import ask_self_grants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    yield from ask_self_grants(database, "update", "callers may change the column")
