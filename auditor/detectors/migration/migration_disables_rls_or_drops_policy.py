"""Statements that take row level security or a policy away, and are not made good later in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.migrations import each_file, file_answers
from auditor.facts.provenance import command_name, table_commands
from auditor.facts.statements import names, relation_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.schema import Table
    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    tables = {table.identity.replace('"', ""): table for table in database.schema.tables.values()}
    for path, statements in each_file(database):
        faults = [(s, fault, s.kind) for s in statements if (fault := _fault(s, tables, database))]
        yield from file_answers(path, faults, "takes no protection away")


def _fault(statement: Statement, tables: dict[str, Table], database: Database) -> str | None:
    if any(command_name(command) == "AT_DisableRowSecurity" for command in table_commands(statement)):
        name = relation_name(statement.body.relation)
        table = tables.get(name)
        return f"switches row level security off on {name}" if table and not table.rls else None
    if statement.kind == "drop_stmt" and _drops_policy(statement, database):
        return _dropped_policy(statement, tables, database)
    return None


def _drops_policy(statement: Statement, database: Database) -> bool:
    assert database.provenance
    return any(event.tag == "policy" for event in database.provenance.dropped_by(statement))


def _dropped_policy(statement: Statement, tables: dict[str, Table], database: Database) -> str | None:
    """A policy whose loss opens rows. A table with row level security and without policies is closed."""
    parts = names(statement.body.objects[0].list.items)
    name, relation = parts[-1], ".".join(("public", *parts[:-1])[-2:])
    table = tables.get(relation)
    if table is None:
        return None  # the table went too, or is not the application's
    if not table.rls:
        return f"drops policy {name!r} of {relation}, and nothing protects the table since"
    opens = any(policy.permissive for policy in table.policies)
    restricted = any(not policy.permissive for policy in table.policies)
    if opens and not restricted and _restrictive(name, relation, database):
        return f"drops policy {name!r} of {relation}, the last one that restricted what the others permit"
    return None


def _restrictive(name: str, relation: str, database: Database) -> bool:
    """Whether the policy was made to restrict; what counts is how it was made last."""
    assert database.provenance
    made = [
        statement.body.permissive
        for statement in database.provenance.history(relation)
        if statement.kind == "create_policy_stmt" and statement.body.policy_name == name
    ]
    return bool(made) and not made[-1]
