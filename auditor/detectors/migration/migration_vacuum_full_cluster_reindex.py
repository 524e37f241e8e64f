"""Maintenance that keeps everybody out of a table while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.detectors.migrations import Fault, Past, ask_each
from auditor.facts.statements import enum_name
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database

_OFF = {"false", "off", "0"}


def ask(database: Database) -> Iterator[Answer]:
    return ask_each(database, _faults, "no maintenance that locks a table")


def _faults(past: Past, statements: list[Statement]) -> Iterator[Fault]:
    for statement in statements:
        if past.failed(statement):
            continue
        if statement.kind == "vacuum_stmt" and _is_on(statement.body.options, "full"):
            yield from _vacuum(past, statement)
        elif statement.kind == "cluster_stmt":
            yield from _on_table(past, statement, "CLUSTER copies {} and keeps even readers out")
        elif statement.kind == "reindex_stmt" and not _is_on(statement.body.params, "concurrently"):
            yield from _reindex(past, statement)
        elif statement.kind == "refresh_mat_view_stmt" and not statement.body.concurrent:
            yield from _on_table(past, statement, "REFRESH without CONCURRENTLY keeps readers out of {}", Severity.LOW)
        elif statement.kind == "lock_stmt" and statement.body.mode >= _EXCLUSIVE:
            for item in statement.body.relations:
                if name := past.older(statement, item.range_var):
                    yield Fault(statement, f"lock of {name}", f"LOCK TABLE keeps the running application out of {name}")


_EXCLUSIVE = 7  # ExclusiveLock, as the grammar counts lock modes


def _on_table(past: Past, statement: Statement, detail: str, severity: Severity | None = None) -> Iterator[Fault]:
    name = past.older(statement, statement.body.relation)
    if name:
        proof = past.lock_proof(statement, name, "no lock that keeps readers out")
        yield Fault(statement, name, detail.format(name), severity, proof)


def _vacuum(past: Past, statement: Statement) -> Iterator[Fault]:
    detail = "VACUUM FULL copies {} and keeps even readers out"
    if not statement.body.rels:
        yield Fault(statement, "vacuum full", detail.format("every table"))
    for item in statement.body.rels:
        if name := past.older(statement, item.vacuum_relation.relation):
            yield Fault(statement, name, detail.format(name))


def _reindex(past: Past, statement: Statement) -> Iterator[Fault]:
    kind = enum_name(statement.body, "kind").removeprefix("REINDEX_OBJECT_").lower()
    detail = "REINDEX without CONCURRENTLY keeps writers, and readers that would use the index, out of {}"
    if kind in {"table", "index"}:
        yield from _on_table(past, statement, detail)
    else:
        yield Fault(statement, f"reindex {kind}", detail.format(f"every table of the {kind}"))


def _is_on(options: Any, name: str) -> bool:  # noqa: ANN401 - a list of protobuf DefElem nodes
    """Whether an option in brackets, or the old keyword, is there and not switched off."""
    found = [item.def_elem for item in options if item.def_elem.defname == name]
    if not found:
        return False
    value = found[-1].arg
    kind = value.WhichOneof("node")
    text = {"string": value.string.sval, "integer": str(value.integer.ival), "boolean": str(value.boolean.boolval)}
    return text.get(kind or "", "on").lower() not in _OFF
