"""Objects that are looked up by an id out of the request alone, whoever they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.owned_lookups import ownership
from auditor.model import Answer, Presence, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.facts.owned_lookups import Alone
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository


def ask(_: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    for path, reason in code.unread.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason)
    for endpoint in inventory.asked:
        found, alone = ownership(inventory, endpoint)
        if alone is not None:
            yield _alone(endpoint, alone)
        elif found.presence is Presence.PRESENT:
            yield Answer(endpoint.subject, State.OK, found.shows, endpoint.where)


def _alone(endpoint: Endpoint, alone: Alone) -> Answer:
    verb = "changes" if alone.writes else "gives out"
    detail = f"{verb} a row of {alone.table} by an id of the request alone: any caller may name somebody else's"
    if alone.parent:
        detail = (
            f"{verb} a row of {alone.table} by its own id: that the caller may see `{alone.parent}` says nothing of it"
        )
    severity = Severity.HIGH if alone.writes else Severity.MEDIUM
    return Answer(endpoint.subject, State.FAIL, detail, alone.where, severity=severity, evidence=alone.table)
