"""Role statements on servers older than 16, where CREATEROLE may hand out the right to run programs.

There the replay role has no CREATEROLE. Statements that name only roles of this history are carried out by the
superuser from the parsed tree, never as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from auditor.facts.statements import Statement
    from auditor.sources.cluster import Cluster

_KINDS = {"create_role_stmt", "drop_role_stmt", "grant_role_stmt", "alter_role_stmt"}
# The options of CREATE ROLE that give no power over the server; passwords and limits do not matter here.
_FLAGS = {
    "canlogin": ("login", "nologin"),
    "inherit": ("inherit", "noinherit"),
    "bypassrls": ("bypassrls", "nobypassrls"),
}
_GRANTABLE = {"anon", "authenticated", "service_role", "authenticator", "postgres"}


class RoleKeeper:
    """Carries out the role statements of one history."""

    def __init__(self, cluster: Cluster, *, supabase: bool) -> None:
        self._cluster = cluster
        self._own: set[str] = set()
        self.supabase = supabase

    def handles(self, statement: Statement) -> bool:
        return self._cluster.major < 16 and statement.kind in _KINDS  # noqa: PLR2004 - CREATEROLE was mended in 16

    def refuses(self, statement: Statement) -> str:
        """Why a statement is not executed on this server; empty where it is."""
        if self._cluster.major < 16 and statement.kind == "alter_role_set_stmt":  # noqa: PLR2004 - as above
            return "before version 16 only a superuser sets another role's defaults"
        return ""

    def carry_out(self, statement: Statement) -> str | None:
        """Carry out one statement; the reason when it was refused."""
        try:
            command = getattr(self, f"_{statement.kind}")(statement.body)
        except PermissionError as refusal:
            return str(refusal)
        try:
            with self._cluster.superuser() as session:
                session.execute(command)
        except psycopg.Error as error:
            return error.diag.message_primary or str(error)
        if statement.kind == "create_role_stmt":  # only now: a name that existed before is not this history's
            self._own.add(statement.body.role)
        return None

    def _create_role_stmt(self, body: Any) -> sql.Composable:  # noqa: ANN401 - a protobuf message
        return sql.SQL("create role {} {}").format(sql.Identifier(body.role), _flags(body.options))

    def _alter_role_stmt(self, body: Any) -> sql.Composable:  # noqa: ANN401 - a protobuf message
        name = self._owned(body.role.rolename)
        return sql.SQL("alter role {} {}").format(sql.Identifier(name), _flags(body.options))

    def _drop_role_stmt(self, body: Any) -> sql.Composable:  # noqa: ANN401 - a protobuf message
        roles = [sql.Identifier(self._owned(item.role_spec.rolename)) for item in body.roles]
        return sql.SQL("drop role if exists {}").format(sql.SQL(", ").join(roles))

    def _grant_role_stmt(self, body: Any) -> sql.Composable:  # noqa: ANN401 - a protobuf message
        granted = [item.access_priv.priv_name for item in body.granted_roles]
        members = [item.role_spec.rolename for item in body.grantee_roles]
        for name in (*granted, *members):
            if name not in self._own | _GRANTABLE:
                raise PermissionError(f'role "{name}" is not one of this history')
        pattern = "grant {} to {}" if body.is_grant else "revoke {} from {}"
        lists = [sql.SQL(", ").join(map(sql.Identifier, names)) for names in (granted, members)]
        return sql.SQL(pattern).format(*lists)

    def _owned(self, name: str) -> str:
        if name not in self._own:
            raise PermissionError(f'role "{name}" is not one of this history')
        return name


def _flags(options: Any) -> sql.Composable:  # noqa: ANN401 - a list of protobuf messages
    words = []
    for item in options:
        element = item.def_elem
        if element.defname in {"superuser", "createrole", "isreplication"} and element.arg.boolean.boolval:
            raise PermissionError(f"permission denied to set {element.defname}")
        if element.defname in _FLAGS:
            words.append(_FLAGS[element.defname][0 if element.arg.boolean.boolval else 1])
    return sql.SQL(" ").join(sql.SQL(word) for word in words)  # words of the table above, never of the history
