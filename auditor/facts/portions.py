"""Very many endpoints, looked at one portion after another, so that memory does not grow with their number.

What stands behind an endpoint is a piece of a syntax tree, which takes as much memory as thirty times its text. Of the
endpoints of other portions only the place in the text is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.endpoints import park

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.inventory import Inventory

_MOST = 2_000
_PORTION = 1_000


def portions(inventory: Inventory, most: int = _MOST, size: int = _PORTION) -> Iterator[Inventory]:
    """The inventory itself, or portions of it where it has more than so many endpoints.

    A portion is to be let go of before the next one is asked for.
    """
    if len(inventory.endpoints) <= most:
        yield inventory
        return
    symbols, endpoints = inventory.reacher.symbols, inventory.endpoints
    park(endpoints, symbols.code)
    inventory.reacher = inventory.reacher.afresh()

    def each() -> Iterator[Inventory]:
        for start in range(0, len(endpoints), size):
            symbols.forget()
            asked = endpoints[start : start + size]
            yield inventory.portion(asked, each)
            park(asked, symbols.code)

    yield from each()
