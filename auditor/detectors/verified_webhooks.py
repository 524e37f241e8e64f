"""What the rules on verified webhooks share: the receivers that have a signature, and the code that looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.webhooks import receiver, signature
from auditor.model import Answer, Presence, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.facts.symbols import Site
    from auditor.sources.code import Code


def ask_verified(
    code: Code, inventory: Inventory, answer: Callable[[Inventory, Endpoint, list[Site]], Answer | None]
) -> Iterator[Answer]:
    """The answers about each receiver that verifies who sent, given the bodies that it and its guards run."""
    for path, reason in code.unread.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason)
    for endpoint in inventory.asked:
        if not receiver(inventory, endpoint) or signature(inventory, endpoint).presence is not Presence.PRESENT:
            continue
        sites = [site for site in (*endpoint.guards, endpoint.handler) if site is not None]
        bodies = [body for site in sites for body in inventory.reacher.reach(site, 2).bodies]
        if found := answer(inventory, endpoint, bodies):
            yield found
