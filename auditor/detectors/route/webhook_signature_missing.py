"""Receivers of webhooks that believe whoever calls them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.effects import READ
from auditor.facts.routes_edge import GATEWAY
from auditor.facts.webhooks import from_elsewhere, receiver, secret_is_optional, signature
from auditor.model import Answer, Presence, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository


def ask(repository: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    del repository
    for path, reason in code.unread.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason)
    for endpoint in inventory.asked:
        if receiver(inventory, endpoint):
            yield _answer(inventory, endpoint)


def _answer(inventory: Inventory, endpoint: Endpoint) -> Answer:
    found = signature(inventory, endpoint)
    if found.presence is Presence.PRESENT and secret_is_optional(inventory, endpoint):
        detail = "where the secret is not set, nothing is compared and every sender is believed"
        return Answer(
            endpoint.subject, State.FAIL, detail, endpoint.where, severity=Severity.MEDIUM, evidence="secret optional"
        )
    if found.presence is Presence.PRESENT:
        return Answer(endpoint.subject, State.OK, f"verified: {found.shows}", endpoint.where)
    open_to_key = endpoint.gateway == GATEWAY and from_elsewhere(inventory, endpoint)
    access = inventory.authentication(replace(endpoint, gateway="") if open_to_key else endpoint)
    if access.presence is Presence.PRESENT:
        return Answer(endpoint.subject, State.OK, f"the caller is known: {access.shows}", endpoint.where)
    if Presence.UNRESOLVED in {found.presence, access.presence}:
        detail = f"whether {found.shows or access.shows} verifies the sender could not be followed"
        return Answer(endpoint.subject, State.UNKNOWN, detail, endpoint.where)
    done = [effect for effect in inventory.effects(endpoint) if effect.kind != READ]
    severity = Severity.HIGH if done else Severity.MEDIUM
    what = f", and the event is written to the database ({done[0].table})" if done and done[0].table else ""
    beside = ": the platform's JWT check lets the public key of the API pass" if open_to_key else ""
    detail = f"nothing verifies who sent the event{beside}{what}"
    return Answer(endpoint.subject, State.FAIL, detail, endpoint.where, severity=severity, evidence="unsigned")
