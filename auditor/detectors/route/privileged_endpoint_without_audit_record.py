"""Endpoints that change members, roles, keys or money, and leave no trace of who did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.audit_names import folded
from auditor.facts.audit_trails import read_trails
from auditor.facts.audited_tables import audited_tables
from auditor.facts.endpoint_controls import is_recorded, may_write, privileged_write
from auditor.model import Answer, NotApplicable, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository


def ask(repository: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    del code
    audited = audited_tables(repository)
    if not audited and not read_trails(repository).tables and not inventory.anywhere(_records):
        raise NotApplicable("no audit trail exists; audit-trail-absent speaks of that")
    for endpoint in _writing(inventory):
        effect = privileged_write(endpoint, inventory.effects(endpoint))
        if effect is not None:
            yield _answer(endpoint, effect, audited, done=is_recorded(inventory, endpoint))


def _records(inventory: Inventory) -> bool:
    return any(is_recorded(inventory, endpoint) for endpoint in _writing(inventory))


def _writing(inventory: Inventory) -> Iterator[Endpoint]:
    return (endpoint for endpoint in inventory.asked if may_write(inventory, endpoint))


def _answer(endpoint: Endpoint, effect: Effect, audited: set[str], *, done: bool) -> Answer:
    if done:
        return Answer(endpoint.subject, State.OK, "the code records it", endpoint.where)
    if {folded(effect.table), "*"} & audited:
        return Answer(endpoint.subject, State.OK, f"a trigger records changes to {effect.table}", endpoint.where)
    detail = f"changes {effect.table} and leaves no audit record"
    return Answer(endpoint.subject, State.FAIL, detail, endpoint.where, evidence="unrecorded")
