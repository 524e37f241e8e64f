"""Which tables the API could reach under either regime of default grants, followed through the history's own GRANTs.

The replay ran under one regime; under the other one only what new tables start with differs.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.facts.statements import enum_name, relation_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditor.facts.statements import Statement

_COMMANDS = frozenset({"select", "insert", "update", "delete"})
_EVERYBODY = "public"
_OWNER = "postgres"
Rights = set[tuple[str, str]]  # (role, command)


@dataclass(slots=True)
class _Grants:
    """The privileges as they stand; `defaults` are those that a new table of a schema starts with."""

    roles: frozenset[str]
    defaults: dict[str, Rights] = field(default_factory=lambda: defaultdict(set))
    tables: dict[str, Rights] = field(default_factory=dict)


def exposed_under(
    statements: Sequence[Statement], born: Mapping[int, Sequence[str]], roles: Iterable[str], *, legacy: bool
) -> set[str]:
    """Tables (`schema.name`) on which a role may do something at the end. `born` maps the number of a statement to the
    tables that it made and that are there still.
    """
    grants = _Grants(frozenset(roles))
    if legacy:
        grants.defaults["public"] = {(role, command) for role in grants.roles for command in _COMMANDS}
    for statement in statements:
        for table in born.get(statement.number, ()):
            schema = table.partition(".")[0]
            grants.tables[table] = set(grants.defaults[schema]) | set(grants.defaults["*"])
        if statement.kind == "grant_stmt":
            _grant(grants, statement.body)
        elif statement.kind == "alter_default_privileges_stmt":
            _default(grants, statement.body)
    return {table for table, rights in grants.tables.items() if rights}


def _grant(grants: _Grants, body: Any) -> None:  # noqa: ANN401 - a protobuf message
    rights = _rights(grants, body)
    if not rights or not _on_tables(body):
        return
    for item in body.objects:
        if item.WhichOneof("node") == "range_var":
            named = relation_name(item.range_var)
            touched = [named] if named in grants.tables else []
        else:  # ALL TABLES IN SCHEMA
            touched = [table for table in grants.tables if table.startswith(f"{item.string.sval}.")]
        for table in touched:
            _apply(grants.tables[table], rights, given=body.is_grant)


def _default(grants: _Grants, body: Any) -> None:  # noqa: ANN401 - a protobuf message
    action = body.action
    rights = _rights(grants, action)
    if not rights or not _on_tables(action):
        return
    options = {item.def_elem.defname: item.def_elem.arg.list.items for item in body.options}
    makers = {role.role_spec.rolename for role in options.get("roles", ())}
    if makers and _OWNER not in makers:
        return  # for tables that somebody else makes
    schemas = [item.string.sval for item in options.get("schemas", ())] or ["*"]
    for schema in schemas:
        _apply(grants.defaults[schema], rights, given=action.is_grant)


def _on_tables(body: Any) -> bool:  # noqa: ANN401 - a protobuf message
    return enum_name(body, "objtype") == "OBJECT_TABLE"


def _rights(grants: _Grants, body: Any) -> Rights:  # noqa: ANN401 - a protobuf message
    named = {item.access_priv.priv_name.lower() for item in body.privileges}
    commands = (named & _COMMANDS) if named and named != {"all"} else _COMMANDS
    grantees = {item.role_spec.rolename or _EVERYBODY for item in body.grantees}
    return {(role, command) for role in grantees & (grants.roles | {_EVERYBODY}) for command in commands}


def _apply(held: Rights, rights: Rights, *, given: bool) -> None:
    if given:
        held |= rights
    else:
        held -= rights
