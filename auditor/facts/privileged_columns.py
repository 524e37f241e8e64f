"""Columns whose value gives their owner more than others have, in tables that hold one row for each user."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.ownership import Owned
    from auditor.facts.schema import Table

_PRIVILEGED = re.compile(
    r"^(?:user_?|member_?|account_?|app_?)?(?:roles?|permissions?|scopes|privileges?|access_level)$"
    r"|^(?:is_?)?(?:super_?)?(?:admin|superuser|staff|moderator|owner)$"
    r"|^(?:is_?)(?:verified|approved|premium|pro|paid|vip|banned|blocked|suspended)$"
    r"|^(?:subscription_?|billing_?|current_?)?(?:plan|tier)(?:_?(?:id|type|name))?$"
    r"|^subscription_?(?:status|expires_at|ends_at|end_date)$"
    r"|^(?:[a-z]+_)?credits?(?:_(?:balance|remaining|left))?$|^(?:account_|wallet_)?balance(?:_cents)?$|^(?:[a-z]+_)?quota$"
    r"|^email_verified(?:_at)?$|^role_id$",
    re.IGNORECASE,
)
_MEMBERS = re.compile(r"member|participant|collaborator|user_roles?$|users?_(?:org|team|tenant|compan)", re.IGNORECASE)


def privileged_columns(table: Table, owned: Owned) -> Iterator[str]:
    """Columns that are privileged by name, and the tenant's where each user has one row."""
    person, member = one_row_per_user(table, owned), is_membership(table, owned)
    if not person and not member:
        return
    for column in table.columns:
        tenant = person and not member and column.name == owned.tenant and column.name not in table.primary_key
        own = column.name in owned.users or column.generated
        if (tenant or _PRIVILEGED.match(column.name)) and not own:
            yield column.name


def one_row_per_user(table: Table, owned: Owned) -> bool:
    """A profile: the user's id alone identifies the row."""
    keys = {key for key in (table.primary_key, *table.unique) if len(key) == 1}
    return any((user,) in keys for user in owned.users)


def is_membership(table: Table, owned: Owned) -> bool:
    """A user's place in a tenant: both columns, and together they identify the row or the name says it."""
    if not owned.users or not owned.tenant:
        return False
    pairs = [set(key) for key in (table.primary_key, *table.unique)]
    both = any({user, owned.tenant} == pair for user in owned.users for pair in pairs)
    return both or bool(_MEMBERS.search(table.name))
