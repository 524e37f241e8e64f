"""Databases that nobody started: a history as its text says, for the rules on migrations that need no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from auditor.database_lanes import Databases
from auditor.facts.parsed_events import parsed_events
from auditor.facts.provenance import Provenance
from auditor.facts.regime import Exposure
from auditor.facts.schema import Schema
from auditor.facts.statements import split_statements
from auditor.model import NotApplicable
from auditor.sources.database import Database, Scope
from auditor.sources.replay import Replay

if TYPE_CHECKING:
    import psycopg

    from auditor.facts.histories import Histories, History
    from auditor.facts.statements import Statement

# Rules that ask neither the catalog nor what the replay saw. The others would be wrong, not only less sure.
PARSED_RULES = frozenset({
    "enum-value-removed", "migration-adds-required-column", "migration-blocking-constraint", "migration-blocking-index",
    "migration-destructive", "migration-drops-constraint-or-trigger", "migration-mixed-schema-and-data",
    "migration-no-lock-timeout", "migration-rename", "migration-unbalanced-transaction",
    "migration-vacuum-full-cluster-reindex",
})  # fmt: skip


def parsed_databases(found: Histories, applied: frozenset[str]) -> Databases:
    """Every history, read and not run; `applied` are the files that the default branch has."""
    if not found.histories:
        raise NotApplicable("no migration is staged")
    return Databases([_parsed(history, applied) for history in found.histories if history.files])


def _parsed(history: History, applied: frozenset[str]) -> Database:
    statements: list[Statement] = []
    for path, text in history.files.items():
        statements += split_statements(path, text, len(statements))
    return Database(
        name=history.name,
        unit=history.unit,
        source="shadow",
        session=cast("psycopg.Connection[object]", None),  # none of these rules asks it
        supabase=history.supabase,
        scope=Scope(Exposure((), legacy=False, reason="")),
        schema=Schema(),
        applied=applied,
        provenance=Provenance(statements, parsed_events(statements)),
        replay=Replay(statements),
        history=history,
    )
