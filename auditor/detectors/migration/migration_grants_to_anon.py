"""Privileges to write that a migration gives to everybody, or to everybody who is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.migrations import Fault, Past, ask_each
from auditor.facts.grants import Grant, grant_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.schema import Table
    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    return ask_each(database, _faults, "lets no API role write unguarded")


def _faults(past: Past, statements: list[Statement]) -> Iterator[Fault]:
    for statement in statements:
        grant = None if past.failed(statement) else grant_of(statement)
        if grant is None or not grant.writes:
            continue
        who = ", ".join(grant.roles)
        if grant.default:
            yield from _of_the_future(past, statement, grant, who)
        elif grant.kind == "schema":
            yield from _schema(statement, grant, who)
        elif grant.kind == "table":
            yield from _tables(past, statement, grant, who)


def _of_the_future(past: Past, statement: Statement, grant: Grant, who: str) -> Iterator[Fault]:
    """Default privileges. Those of public are what the platform itself gives in the legacy regime."""
    if grant.kind != "table":
        return
    given = past.database.supabase and past.database.exposure.legacy and set(grant.names) == {"public"}
    where = f"schema {', '.join(grant.names)}" if grant.names else "every schema"
    opened = any(role != "authenticated" for role in grant.roles)
    severity = Severity.INFO if given else Severity.HIGH if opened else Severity.MEDIUM
    detail = f"lets {who} write every table that is made in {where} from now on"
    yield Fault(statement, f"default privileges in {where}", detail, severity)


def _schema(statement: Statement, grant: Grant, who: str) -> Iterator[Fault]:
    for name in grant.names:
        detail = f"lets {who} make objects in schema {name}: other roles may call them in place of the real ones"
        yield Fault(statement, f"schema {name}", detail, Severity.MEDIUM)


def _tables(past: Past, statement: Statement, grant: Grant, who: str) -> Iterator[Fault]:
    """Only tables that still have the privilege and no row level security: with it, policies decide."""
    for table in past.database.schema.tables.values():
        name = table.identity.replace('"', "")
        named = table.schema in grant.names if grant.every else name in grant.names
        if not named or table.rls or not _holds(table, grant, past):
            continue
        severity = Severity.HIGH if table.exposed else Severity.LOW
        detail = f"lets {who} write {name}, which has no row level security"
        yield Fault(statement, f"table {name}", detail, severity)


def _holds(table: Table, grant: Grant, past: Past) -> bool:
    """Whether the privilege is still there at the end; of PUBLIC only the API's own roles are known."""
    held = {role: {command.lower() for command in commands} for role, commands in table.privileges.items()}
    roles = past.database.api_roles if "public" in grant.roles else grant.roles
    if not past.database.api_roles:
        return "public" in grant.roles
    return any(held.get(role, set()) & {"insert", "update", "delete"} for role in roles)
