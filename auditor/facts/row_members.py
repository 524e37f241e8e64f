"""Which tables say who belongs to a tenant, and which labels of a role are the lowest and the highest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.ownership import people
from auditor.facts.row_checks import constant, read_checks
from auditor.facts.row_operators import elements

if TYPE_CHECKING:
    from auditor.facts.ownership import Owned
    from auditor.facts.schema import Column, Schema, Table

_NAMED = re.compile(
    r"member|collaborat|participant|staff|_users$|^users?_(?:org|team|work|account|tenant|compan|role)", re.IGNORECASE
)
_ROLE = re.compile(r"^(?:\w+_)?role$|^access_?level$|^permission(?:_level)?$", re.IGNORECASE)
_LOW = (
    "viewer",
    "guest",
    "read",
    "reader",
    "observer",
    "member",
    "user",
    "basic",
    "employee",
    "staff",
    "student",
    "customer",
)
_HIGH = (
    "owner",
    "super_admin",
    "superadmin",
    "admin",
    "administrator",
    "account_owner",
    "org_admin",
    "manager",
    "editor",
)


@dataclass(frozen=True, slots=True)
class Membership:
    """A table with one row for each user of a tenant; `role` is the column that says what the user may do there."""

    table: Table
    user: str
    tenant: str
    role: str = ""


def find_memberships(schema: Schema, owned: dict[int, Owned]) -> list[Membership]:
    found = []
    for table in sorted(schema.tables.values(), key=lambda table: table.identity):
        belongs = owned.get(table.oid)
        if belongs and belongs.users and belongs.tenant and not belongs.through and not table.partition:
            user = _member_column(table, belongs, schema)
            role = next((column.name for column in table.columns if _ROLE.match(column.name)), "")
            known = role or _looked_through(table, schema)
            if user and (_NAMED.search(table.name) or (known and _one_each(table, user, belongs.tenant))):
                found.append(Membership(table, user, belongs.tenant, role))
    return found


def _member_column(table: Table, owned: Owned, schema: Schema) -> str:
    """The user who is a member, not the one who invited."""
    usable = [name for name in owned.users if table.column(name) and not name.endswith("_by") and name != owned.tenant]
    key = {name for group in (table.primary_key, *table.unique) for name in group}
    persons = people(schema)
    linked = {key.columns[0] for key in table.foreign_keys if key.target in persons}
    return min(usable, key=lambda name: (name not in key, name not in linked, usable.index(name)), default="")


def _looked_through(table: Table, schema: Schema) -> bool:
    """Whether policies of other tables ask this one."""
    word = re.compile(rf"\b{re.escape(table.name)}\b")
    others = (policy for other in schema.tables.values() if other.oid != table.oid for policy in other.policies)
    return any(word.search(f"{policy.using} {policy.check}") for policy in others)


def _one_each(table: Table, user: str, tenant: str) -> bool:
    groups = [set(group) for group in (table.primary_key, *table.unique) if group]
    return any(user in group and group <= {user, tenant} for group in groups)


def labels(table: Table, column: Column) -> list[str]:
    """The values that an enum or a CHECK leaves to a column."""
    if column.elements:
        return list(column.elements)
    found: list[str] = []
    for check in read_checks(table):
        if check.columns == {column.name}:
            constants = [constant(term) for term in check.term.walk() if term.kind == "const"]
            texts = [value for value in constants if isinstance(value, str)]
            found += [str(item) for text in texts for item in (elements(text) or [text])]
    return found


def role_label(options: list[str], *, highest: bool) -> str | None:
    order = _HIGH if highest else _LOW
    ranked = [label for word in order for label in options if label.lower() == word]
    near = [label for word in order for label in options if word in label.lower()]
    return next(iter([*ranked, *near]), None)
