"""Grants and revokes of single columns that change nothing, because the privilege is held on the whole table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.detectors.dumps import read_dumps
from auditor.facts.statements import relation_name
from auditor.model import Answer, DbObject, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from auditor.facts.statements import Statement
    from auditor.sources.database import Database

_WHOLE = """
select e.identity, e.schema || '.' || e.name as plain, a.name as role, c.command
from exposed e
join api_role a on has_schema_privilege(a.oid, e.schema_oid, 'USAGE')
join (values ('SELECT'), ('INSERT'), ('UPDATE')) c(command) on has_table_privilege(a.oid, e.oid, c.command)
where e.kind in ('r', 'p', 'v')
"""
_TABLES = "select identity, schema || '.' || name as plain from exposed where kind in ('r', 'p', 'v')"
_COMMANDS = {"select", "insert", "update"}


@dataclass(frozen=True, slots=True)
class Narrowed:
    """One column privilege given to, or taken from, one role by one statement."""

    table: str
    role: str
    command: str
    columns: tuple[str, ...]
    given: bool
    statement: Statement


def ask(database: Database) -> Iterator[Answer]:
    identities = {row["plain"]: row["identity"] for row in database.select(_TABLES)}
    whole = {(row["plain"], row["role"], row["command"]) for row in database.select(_WHOLE)}
    dumps = read_dumps(database).paths
    meant: dict[str, list[Narrowed]] = {}
    for narrowed in _narrowed(database):
        meant.setdefault(narrowed.table, []).append(narrowed)
    for table, found in sorted(meant.items()):
        if table in identities:
            yield _judge(identities[table], found, whole, dumps)


def _judge(identity: str, meant: list[Narrowed], whole: set[tuple[str, str, str]], dumps: set[str]) -> Answer:
    place = DbObject("table", identity)
    void = [n for n in meant if (n.table, n.role, n.command) in whole and n.statement.path not in dumps]
    if not void:
        return Answer(place.subject, State.OK, "the columns alone decide", place)
    worst = min(void, key=lambda n: (n.given, n.command == "SELECT", n.statement.number))
    roles = " and ".join(sorted({n.role for n in void if n.statement is worst.statement}))
    did = "granting" if worst.given else "revoking"
    detail = (
        f"{did} {worst.command} on {', '.join(worst.columns)} changes nothing: "
        f"{roles} may {worst.command} every column, by a grant on the whole table"
    )
    reads_only = worst.given and worst.command == "SELECT"
    where = FileSpan(worst.statement.path, worst.statement.line, worst.statement.end_line)
    severity = Severity.LOW if reads_only else Severity.MEDIUM
    return Answer(place.subject, State.FAIL, detail, where, severity=severity, evidence=f"{worst.command} on columns")


def _narrowed(database: Database) -> Iterator[Narrowed]:
    """Column privileges of the history; the last one of a table, role and command counts."""
    last: dict[tuple[str, str, str], Narrowed] = {}
    for statement in database.replay.statements if database.replay else []:
        if statement.kind == "grant_stmt":
            for narrowed in _of(statement, database.api_roles):
                last[narrowed.table, narrowed.role, narrowed.command] = narrowed
    yield from last.values()


def _of(statement: Statement, api_roles: tuple[str, ...]) -> Iterator[Narrowed]:
    body = statement.body
    for item in body.privileges:
        columns = tuple(column.string.sval for column in item.access_priv.cols)
        command = item.access_priv.priv_name
        if columns and command in _COMMANDS:
            for table in _tables(body):
                for role in _roles(body, api_roles):
                    yield Narrowed(table, role, command.upper(), columns, body.is_grant, statement)


def _tables(body: Any) -> Iterator[str]:  # noqa: ANN401 - a protobuf GrantStmt
    for item in body.objects:
        if item.WhichOneof("node") == "range_var":
            name = relation_name(item.range_var)
            yield name if "." in name else f"public.{name}"


def _roles(body: Any, api_roles: tuple[str, ...]) -> Iterator[str]:  # noqa: ANN401 - a protobuf GrantStmt
    for item in body.grantees:
        role = item.role_spec.rolename
        if role in api_roles:
            yield role
