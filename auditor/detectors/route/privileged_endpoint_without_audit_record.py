"""Endpoints that change members, roles, keys or money, and leave no trace of who did."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.audit_names import folded, is_privileged, is_sensitive, is_trail
from auditor.facts.audit_trails import read_trails
from auditor.facts.audited_tables import audited_tables
from auditor.facts.effects import WRITE
from auditor.facts.purposes import MUTATING, signs_in
from auditor.facts.webhooks import receiver
from auditor.model import Answer, NotApplicable, Presence, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_RECORDS = re.compile(
    r"audit|activity_?log|log_?(?:activity|event|action)|record_?(?:event|activity|action|audit)|security_?event",
    re.IGNORECASE,
)
_ADMIN = re.compile(r"(?:^|/)(?:admin|superuser|backoffice)(?:/|$)", re.IGNORECASE)


def ask(repository: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    del code
    writing = [endpoint for endpoint in inventory.endpoints if _may_write(inventory, endpoint)]
    audited = audited_tables(repository)
    recorded = {endpoint.subject for endpoint in writing if _recorded(inventory, endpoint)}
    if not audited and not recorded and not read_trails(repository).tables:
        raise NotApplicable("no audit trail exists; audit-trail-absent speaks of that")
    for endpoint in writing:
        effect = _privileged(endpoint, inventory.effects(endpoint))
        if effect is not None:
            yield _answer(endpoint, effect, audited, done=endpoint.subject in recorded)


def _may_write(inventory: Inventory, endpoint: Endpoint) -> bool:
    if endpoint.method not in MUTATING or endpoint.handler is None or not endpoint.shown:
        return False
    access = inventory.authentication(endpoint)
    known = access.presence is Presence.PRESENT or access.shows
    return bool(known) and not receiver(inventory, endpoint) and not signs_in(endpoint, ())


def _privileged(endpoint: Endpoint, effects: list[Effect]) -> Effect | None:
    """The write that only the privileged should make."""
    writes = [effect for effect in effects if effect.kind == WRITE and effect.table]
    strong = [effect for effect in writes if is_privileged(effect.table)]
    if strong:
        return strong[0]
    deletes = [e for e in writes if is_sensitive(e.table) and re.search(r"\.delete(?:Many)?$", e.call.name)]
    admin = [e for e in writes if _ADMIN.search(endpoint.path) and not is_trail(e.table)]
    return next(iter(deletes or admin), None)


def _recorded(inventory: Inventory, endpoint: Endpoint) -> bool:
    assert endpoint.handler
    if any(effect.kind == WRITE and is_trail(effect.table) for effect in inventory.effects(endpoint)):
        return True
    sites = (endpoint.handler, *endpoint.guards)
    return any(_RECORDS.search(call.last) for site in sites for call in inventory.reacher.reach(site, 3).calls)


def _answer(endpoint: Endpoint, effect: Effect, audited: set[str], *, done: bool) -> Answer:
    if done:
        return Answer(endpoint.subject, State.OK, "the code records it", endpoint.where)
    if {folded(effect.table), "*"} & audited:
        return Answer(endpoint.subject, State.OK, f"a trigger records changes to {effect.table}", endpoint.where)
    detail = f"changes {effect.table} and leaves no audit record"
    return Answer(endpoint.subject, State.FAIL, detail, endpoint.where, evidence="unrecorded")
