"""One SELECT of somebody who is not trusted (an editor's assistant), on the replayed database or on a live one.

Three fences, each enough by itself: the text is parsed and must be one SELECT that neither writes nor locks; it runs in
a read-only transaction that is rolled back; and the role can do nothing else, or the server is not asked.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from auditor.model import Unavailable, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from auditor.sources.cluster import Cluster

READER = "backend_audit_reader"
MOST_ROWS = 1000
_MOST_CHARACTERS = 200_000
_SECONDS = 5
_WRITES = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")
# Roles that reach beyond the database: files, programs, other people's sessions.
_DANGEROUS = (
    "pg_read_server_files", "pg_write_server_files", "pg_execute_server_program", "pg_signal_backend",
    "pg_create_subscription", "pg_maintain", "pg_checkpoint", "pg_write_all_data",
)  # fmt: skip
_PRIVILEGES = """
select case when r.rolsuper then 'is a superuser' when r.rolreplication then 'may replicate' else (
  select 'is a member of ' || d.rolname from pg_catalog.pg_roles d
  where d.rolname = any (%s) and pg_catalog.pg_has_role(r.oid, d.oid, 'member') order by 1 limit 1) end
from pg_catalog.pg_roles r where r.rolname = session_user
"""
_SCHEMAS = """
select n.nspname from pg_catalog.pg_namespace n
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1
"""


def checked(sql: str) -> str:
    """The statement without its end mark; raises UsageError unless it is one SELECT that only reads."""
    import postgast

    if len(sql) > _MOST_CHARACTERS:
        raise UsageError("the statement is too long")
    try:
        tree = postgast.parse(sql)
        statements = postgast.split(sql)
    except (postgast.PgQueryError, ValueError, RecursionError) as error:
        raise UsageError(f"the statement does not parse: {str(error).splitlines()[0]}") from None
    if len(tree.stmts) != 1 or len(statements) != 1 or tree.stmts[0].stmt.WhichOneof("node") != "select_stmt":
        raise UsageError("only one statement is run, and only a SELECT")
    for _, node in postgast.walk(tree.stmts[0].stmt):
        name = type(node).__name__
        if name in _WRITES or name in {"IntoClause", "LockingClause"}:
            raise UsageError("the statement writes or locks: only a SELECT that reads is run")
    return str(statements[0]).strip().rstrip(";").strip()


def make_reader(cluster: Cluster) -> None:
    """The role that queries on the replayed database run as: it may look at every row, and do nothing else."""
    from psycopg import sql

    with cluster.superuser() as session:
        session.execute(f"create role {READER} login bypassrls".encode())
        session.execute(f"alter role {READER} set default_transaction_read_only = on".encode())
        for (schema,) in session.execute(_SCHEMAS.encode()).fetchall():
            place = {"schema": sql.Identifier(schema), "reader": sql.Identifier(READER)}
            session.execute(sql.SQL("grant usage on schema {schema} to {reader}").format(**place))
            session.execute(sql.SQL("grant select on all tables in schema {schema} to {reader}").format(**place))


def query_shadow(cluster: Cluster, statement: str, limit: int) -> dict[str, Any]:
    """What one SELECT gives on the replayed database; raises UsageError with the server's words."""
    with cluster.connect(READER, autocommit=False, search_path="public,extensions,auth") as session:
        return _run(session, checked(statement), limit)


def query_live(url: str, statement: str, limit: int) -> dict[str, Any]:
    """What one SELECT gives on a live server; raises Unavailable where the role may do more than that."""
    import psycopg

    from auditor.sources.live import explain

    text = checked(statement)
    try:
        with psycopg.connect(
            url, connect_timeout=10, prepare_threshold=None, application_name="backend-audit", autocommit=False
        ) as session:
            session.execute("set transaction isolation level repeatable read, read only")
            found = session.execute(_PRIVILEGES.encode(), (list(_DANGEROUS),)).fetchone()
            if found is None or found[0]:
                reason = found[0] if found else "is not known"
                raise Unavailable(f"the role of --database {reason}: give one that may only read")
            return _run(session, text, limit)
    except psycopg.OperationalError as error:
        raise Unavailable(f"the live database cannot be asked: {explain(error, url)}") from None
    except ValueError:
        raise Unavailable("the live database cannot be asked: the connection string is not valid") from None


def _run(session: psycopg.Connection[Any], statement: str, limit: int) -> dict[str, Any]:
    import psycopg

    count = max(1, min(limit, MOST_ROWS))
    bounded = f"select * from (\n{statement}\n) as answer limit {count + 1}"  # noqa: S608 - it was parsed as one SELECT
    try:
        session.execute("set transaction read only")
        session.execute(f"set local statement_timeout = {_SECONDS * 1000}".encode())
        session.execute("set local lock_timeout = 1000")
        # The extended protocol takes one statement only, whatever the parser made of the text.
        cursor = session.execute(bounded.encode(), binary=True, prepare=False)
        rows, names = cursor.fetchall(), [column.name for column in cursor.description or ()]
    except psycopg.Error as error:
        raise UsageError((str(error).splitlines() or [type(error).__name__])[0]) from None
    finally:
        session.rollback()
    return _shown(names, rows, count)


def _shown(names: list[str], rows: Sequence[Sequence[Any]], count: int) -> dict[str, Any]:
    kept: list[list[Any]] = []
    size = 0
    for row in rows[:count]:
        values = [_value(value) for value in row]
        size += len(json.dumps(values))
        if size > _MOST_CHARACTERS:
            break
        kept.append(values)
    return {"columns": names, "rows": kept, "more": len(kept) < len(rows)}


def _value(value: Any) -> Any:  # noqa: ANN401 - whatever psycopg makes of a column
    """A value that JSON knows."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool | dict) else str(value)
