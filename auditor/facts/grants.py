"""GRANT and ALTER DEFAULT PRIVILEGES to the roles of an API, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.facts.statements import enum_name, names, relation_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.statements import Statement

_OPEN_ROLES = {"anon", "authenticated", "public"}
_WRITES = {"table": {"insert", "update", "delete", "truncate"}, "schema": {"create"}}


@dataclass(frozen=True, slots=True)
class Grant:
    """What roles of an API are given. `names` are tables or schemas; `every` means all tables in these schemas,
    `default` those that will be made there. Empty `privileges` are all of them.
    """

    kind: str
    names: tuple[str, ...]
    roles: tuple[str, ...]
    privileges: frozenset[str]
    every: bool = False
    default: bool = False

    @property
    def writes(self) -> bool:
        """Whether rows can be changed with it, or objects made."""
        return self.kind in _WRITES and (not self.privileges or bool(self.privileges & _WRITES[self.kind]))


def grant_of(statement: Statement) -> Grant | None:
    """The grant of a statement; None for a REVOKE, for other roles, and for all other statements."""
    default = statement.kind == "alter_default_privileges_stmt"
    if not default and statement.kind != "grant_stmt":
        return None
    body = statement.body.action if default else statement.body
    roles = tuple(role for item in body.grantees if (role := _role(item.role_spec)) in _OPEN_ROLES)
    if not body.is_grant or not roles:
        return None
    every = enum_name(body, "targtype") == "ACL_TARGET_ALL_IN_SCHEMA"
    found = _schemas(statement.body) if default else tuple(_targets(body))
    kind = enum_name(body, "objtype").removeprefix("OBJECT_").lower()
    privileges = frozenset(item.access_priv.priv_name.lower() for item in body.privileges)
    return Grant(kind, found, roles, privileges, every, default)


def _role(spec: Any) -> str:  # noqa: ANN401 - a protobuf RoleSpec
    return "public" if enum_name(spec, "roletype") == "ROLESPEC_PUBLIC" else str(spec.rolename)


def _targets(body: Any) -> Iterator[str]:  # noqa: ANN401 - a protobuf GrantStmt
    for item in body.objects:
        kind = item.WhichOneof("node")
        if kind == "range_var":
            yield relation_name(item.range_var)
        elif kind == "string":
            yield item.string.sval


def _schemas(body: Any) -> tuple[str, ...]:  # noqa: ANN401 - a protobuf AlterDefaultPrivilegesStmt
    for option in body.options:
        if option.def_elem.defname == "schemas":
            return names(option.def_elem.arg.list.items)
    return ()
