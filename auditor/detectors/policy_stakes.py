"""How much is at stake where a policy lets through callers who have nothing to do with the row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.ownership import always_a_tenants, data_class
from auditor.model import Severity

if TYPE_CHECKING:
    from auditor.facts.ownership import Owned
    from auditor.facts.schema import Policy, Table


def stakes(table: Table, policy: Policy, owned: Owned | None, *, only_new_rows: bool = False) -> Severity:
    """For signed-in callers: writing what is somebody's outweighs reading it, and reading is often meant."""
    if policy.writes:
        return Severity.HIGH if owned and not only_new_rows else Severity.MEDIUM
    if owned is None:
        return Severity.MEDIUM if data_class(table) == "secret" else Severity.INFO
    if always_a_tenants(table, owned) or data_class(table) != "plain":
        return Severity.MEDIUM
    return Severity.LOW
