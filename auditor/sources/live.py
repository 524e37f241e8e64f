"""The live database: its catalog, read in one read-only transaction. Nothing is written, no user code is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, quote, unquote

import psycopg

from auditor.facts.regime import read_exposure
from auditor.model import Unavailable
from auditor.sources.api_roles import find_scope
from auditor.sources.catalog import read_schema
from auditor.sources.database import API_ROLES, Database, Scope

if TYPE_CHECKING:
    from contextlib import ExitStack

_CONNECT_SECONDS = 10
_STATEMENT_MS = 30_000
_ROLES = (
    "select coalesce(array_agg(rolname::text order by rolname), '{}') from pg_catalog.pg_roles where rolname = any (%s)"
)
_PLATFORM = (
    "select exists (select from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
    " where n.nspname = 'auth' and p.proname = 'uid' and p.pronargs = 0),"
    " current_setting('server_version_num')::int, current_database()"
)


def connect_live(url: str, config: str | None, stack: ExitStack) -> Database:
    """Open the read-only transaction that every catalog rule then shares. Raises Unavailable, without the password."""
    try:
        session = stack.enter_context(_connect(url))
        # One transaction, read only, and set inside it: a pooler in front may share the session with others.
        session.execute("set transaction isolation level repeatable read, read only")
        session.execute(f"set local statement_timeout = {_STATEMENT_MS}".encode())
        session.execute("set local search_path = pg_catalog")
        session.execute("set local lock_timeout = 2000")
        supabase, version, name = _one(session, _PLATFORM)
        roles = session.execute(_ROLES.encode(), (list(API_ROLES),)).fetchone()
        api_roles = tuple(cast("list[str]", roles[0])) if roles else ()
        scope = Scope(read_exposure(config), api_roles)
        scope = scope if api_roles else find_scope(session) or scope
        schema = read_schema(session, scope)
    except psycopg.Error as error:
        raise Unavailable(f"the live database cannot be read: {explain(error, url)}") from None
    except ValueError:  # a NUL or a character that no encoding has; the text of the error may quote the URL
        raise Unavailable("the live database cannot be read: the connection string is not valid") from None
    return Database(
        name=f"live {name} (PostgreSQL {version // 10000})",
        unit=".",
        source="live",
        session=session,
        supabase=bool(supabase),
        scope=scope,
        schema=schema,
        config=config,
    )


def _connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        url,
        connect_timeout=_CONNECT_SECONDS,
        prepare_threshold=None,
        application_name="backend-audit",
        autocommit=False,
    )


def _one(session: psycopg.Connection[tuple[object, ...]], query: str) -> tuple[bool, int, str]:
    row = session.execute(query.encode()).fetchone()
    assert row
    return bool(row[0]), int(str(row[1])), str(row[2])


def explain(error: psycopg.Error, url: str) -> str:
    """The error's first line without the password of `url`."""
    text = (str(error).splitlines() or [type(error).__name__])[0]
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        return "the connection string is not valid (postgresql://user:password@host/database)"
    written = _written_password(url)
    if unquote(written) != (parts.get("password") or "") and "://" in url:
        # libpq took a piece of the password for a host, a port or a database, and would name it.
        return "the connection string is not valid: write special characters of the password as %XX"
    for secret in (written, parts.get("password"), parts.get("sslpassword")):
        text = text.replace(str(secret), "***") if secret else text
    return text


def _written_password(url: str) -> str:
    """What stands between the user's name and the last `@` of a URL, or in its query."""
    user, _, host = url.partition("://")[2].rpartition("@")
    if ":" in user:
        return user.partition(":")[2]
    query = parse_qs(host.partition("?")[2], keep_blank_values=True)
    return quote(query["password"][-1]) if "password" in query else ""
