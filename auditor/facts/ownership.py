"""Who a row belongs to, read from the schema: foreign keys first, then policies, names as a last resort."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.policy_owners import tenant_columns

if TYPE_CHECKING:
    from auditor.facts.schema import Column, Policy, Schema, Table

_UID = r"(?:\(\s*select\s+)?(?:auth\.)?uid\(\)(?:\s+as\s+\w+\s*\))?(?:::text)?"
_COMPARED = re.compile(
    rf'\(?\b(?:"?(\w+)"?\.)?"?(\w+)"?\)?(?:::text)?\s*=\s*\(*\s*{_UID}'
    rf'|{_UID}\s*\)*\s*=\s*\(?(?:"?(\w+)"?\.)?"?(\w+)"?\b',
    re.IGNORECASE,
)
_OWNER_NAMES = {
    "user_id",
    "owner_id",
    "author_id",
    "profile_id",
    "created_by",
    "creator_id",
    "owner",
    "userid",
    "ownerid",
}
_TENANT = (
    r"(?:organi[sz]ation|org|team|workspace|account|tenant|company|household|business|agency|clinic|school|store|shop)"
)
_TENANT_TABLE = re.compile(
    rf"^{_TENANT}s?$|^{_TENANT[:-1]}|company|companie)ies$|^companies$|^agencies$", re.IGNORECASE
)
_TENANT_COLUMN = re.compile(rf"^{_TENANT}_?id$", re.IGNORECASE)
_MEMBERS = re.compile(r"member", re.IGNORECASE)
# What a membership may say beside who belongs where: which role, at which stage.
_KIND = re.compile(
    r"(?:^|_)(?:roles?|permissions?|status(?:es)?|types?|kinds?|levels?|ranks?|plans?|tiers?|positions?|titles?)$",
    re.IGNORECASE,
)
_SECRET = re.compile(
    r"password|passwd|secret|(^|_)token(_|$)|api_?key|access_?key|private_?key|refresh_token|_hash$|ssn|social_security|"
    r"card_number|iban|cvv|mfa|otp|recovery",
    re.IGNORECASE,
)
_PERSONAL = re.compile(
    r"e?mail|phone|mobile|address|birth|dob$|salary|income|medical|diagnos|health|passport|tax_id|latitude|longitude|"
    r"ip_addr|first_name|last_name|full_name|stripe|billing|payment|customer_id|invoice",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Owned:
    """How a table's rows belong to somebody: `users` are columns that hold a user's id, `tenant` the column of a
    tenant's id, `through` the owned table that a foreign key leads to.
    """

    users: tuple[str, ...] = ()
    tenant: str | None = None
    through: str | None = None

    def __str__(self) -> str:
        if self.tenant:
            return f"rows belong to a tenant ({self.tenant})"
        if self.users:
            return f"rows belong to a user ({self.users[0]})"
        return f"rows belong to a row of {self.through}"


def always_a_tenants(table: Table, owned: Owned) -> bool:
    """Whether every row belongs to a tenant: where the column may be null, some rows are everybody's."""
    column = table.column(owned.tenant) if owned.tenant else None
    return column is not None and column.not_null


def find_owned(schema: Schema) -> dict[int, Owned]:
    """Owned tables by oid, ownership followed along foreign keys. Tables that are not in it are shared by everybody."""
    owned: dict[int, Owned] = {}
    persons = people(schema)
    for table in schema.tables.values():
        users, tenant = _user_columns(table, persons), _tenant_column(table, schema, persons)
        if users or tenant:
            owned[table.oid] = Owned(users, tenant)
        elif _is_tenant(table, schema, persons):
            owned[table.oid] = Owned(tenant=table.primary_key[0] if table.primary_key else "id")
    while grown := {table.oid: found for table in schema.tables.values() if (found := _through(table, owned, schema))}:
        owned |= grown
    return owned


def _through(table: Table, owned: dict[int, Owned], schema: Schema) -> Owned | None:
    if table.oid in owned:
        return None
    for key in table.foreign_keys:
        parent = schema.tables.get(key.target)
        if not parent or parent.oid not in owned or parent.oid == table.oid or not _required(table, key.columns):
            continue
        if not _only_made_by(parent, owned[parent.oid]):
            tenant = key.columns[0] if owned[key.target].tenant else None
            return Owned(tenant=tenant, through=parent.identity)
    return None


def _only_made_by(table: Table, owned: Owned) -> bool:
    """Whether all that is known is who may have made a row (`created_by`, or null): reference data, no possession."""
    columns = [table.column(name) for name in owned.users]
    made_by = all(column and not column.not_null and column.name.endswith("_by") for column in columns)
    return not owned.tenant and not owned.through and made_by


def _required(table: Table, columns: tuple[str, ...]) -> bool:
    return all((column := table.column(name)) is not None and column.not_null for name in columns)


def people(schema: Schema) -> set[int]:
    """`auth.users`, and the tables that hold one row for each of its users (profiles)."""
    found = {schema.users} if schema.users else set()
    return found | {table.oid for table in schema.tables.values() if _is_profile(table, schema)}


def _is_profile(table: Table, schema: Schema) -> bool:
    return any(key.target == schema.users for key in table.foreign_keys if key.columns == table.primary_key)


def speaks_for_users(table: Table, schema: Schema) -> bool:
    """Users, their tenants, and who belongs to which: what the rights to all other rows hang on."""
    person = (schema.users and table.oid == schema.users) or _is_profile(table, schema)
    return bool(person or _TENANT_TABLE.match(table.name) or _MEMBERS.search(table.name)) or (
        table.name.lower() in {"users", "profiles"} or table.name.lower().startswith(("user_", "staff", "usuario"))
    )


def _user_columns(table: Table, people: set[int]) -> tuple[str, ...]:
    keys = [key.columns[0] for key in table.foreign_keys if key.target in people and len(key.columns) == 1]
    compared = [
        name for policy in table.policies for name in compared_columns(policy, table.name) if table.column(name)
    ]
    found = list(dict.fromkeys([*keys, *compared]))
    if not found:
        found = [c.name for c in table.columns if c.name.lower() in _OWNER_NAMES and _holds_id(c)]
    return tuple(found)


def compared_columns(policy: Policy, table: str = "") -> list[str]:
    """Columns that a policy compares with `auth.uid()`; those of `table` alone, where the server names another one."""
    text = f"{policy.using or ''} {policy.check or ''}"
    found = [(match[1] or match[3], match[2] or match[4]) for match in _COMPARED.finditer(text)]
    return [name for holder, name in found if name and (not table or not holder or holder == table)]


def _holds_id(column: Column) -> bool:
    return column.type in {"uuid", "text", "character varying", "bigint", "integer"}


def _tenant_column(table: Table, schema: Schema, people: set[int]) -> str | None:
    for key in table.foreign_keys:
        target = schema.tables.get(key.target)
        if target and target.oid != table.oid and len(key.columns) == 1 and _is_tenant(target, schema, people):
            return key.columns[0]
    users = _user_columns(table, people)
    asked = [table.column(name) for name in tenant_columns(table, schema) if name not in users]
    if found := [column.name for column in asked if column and _holds_id(column)]:
        return found[0]
    return next((c.name for c in table.columns if _TENANT_COLUMN.match(c.name) and _holds_id(c)), None)


def _is_tenant(table: Table, schema: Schema, people: set[int]) -> bool:
    """A tenant is named like one, or a table of members leads to it together with a user."""
    if table.oid in people:
        return False
    if _TENANT_TABLE.match(table.name):
        return True
    if _KIND.search(table.name):
        return False
    for other in schema.tables.values():
        users = _user_columns(other, people) if other.oid != table.oid and _MEMBERS.search(other.name) else ()
        led = [key for key in other.foreign_keys if key.target == table.oid]
        if users and led and not any(set(key.columns) & set(users) for key in led):  # else it is where the users are
            return True
    return False


def data_class(table: Table) -> str:
    """`secret`, `personal` or `plain`, by the names of the columns."""
    names = [column.name for column in table.columns]
    if any(_SECRET.search(name) for name in names):
        return "secret"
    return "personal" if any(_PERSONAL.search(name) for name in names) else "plain"
