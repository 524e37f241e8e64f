"""The statement that signs a user up, as the platform's own server would write it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import psycopg

    from auditor.facts.rows import World


def user_text(world: World, session: psycopg.Connection[Any]) -> str:
    names = {"full_name": f"Audit {world.name}", "name": f"Audit {world.name}", "username": f"audit_{world.name}",
             "user_name": f"audit_{world.name}", "first_name": "Audit", "last_name": world.name,
             "avatar_url": "https://example.com/a.png", "email": world.email}  # fmt: skip
    statement = sql.SQL(
        "insert into auth.users (id, instance_id, aud, role, email, email_confirmed_at, raw_app_meta_data,"
        " raw_user_meta_data, created_at, updated_at) values ({}, {}, 'authenticated', 'authenticated', {},"
        ' {time}, \'{{"provider": "email"}}\', {}, {time}, {time})'
    )
    return statement.format(
        sql.Literal(world.user),
        sql.Literal("00000000-0000-0000-0000-000000000000"),
        sql.Literal(world.email),
        sql.Literal(json.dumps(names)),
        time=sql.Literal("2026-01-01 00:00:00+00"),
    ).as_string(session)


def signed_in(world: World) -> str:
    """The statement that sets the claims of a world's user for the rest of the transaction, as PostgREST does."""
    claims = json.dumps({"sub": world.user, "role": "authenticated", "email": world.email, "aud": "authenticated"})
    return sql.SQL("select pg_catalog.set_config('request.jwt.claims', {}, true)").format(claims).as_string()


def signed_out() -> str:
    """The same undone: what follows in a transcript is done by nobody."""
    return "select pg_catalog.set_config('request.jwt.claims', '', true)"


def without_triggers(text: str) -> str:
    """As a transcript shows what was carried out in a transaction of its own."""
    setting = "set local session_replication_role"
    return f"{setting} = replica;\n{text};\n{setting} = origin"
