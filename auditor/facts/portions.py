"""Very many endpoints, looked at one portion after another, so that memory does not grow with their number.

What stands behind an endpoint is a piece of a syntax tree, which takes as much memory as thirty times its text. Of the
endpoints of other portions only the place in the text is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.facts.reach import Reacher
from auditor.facts.symbols import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.facts.parsed_files import Files

_MOST = 2_000
_PORTION = 1_000


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands."""

    path: str
    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class _Parked:
    """An endpoint without the code behind it, and the places of that."""

    endpoint: Endpoint
    handler: _Place | Site | None
    guards: tuple[_Place | Site, ...]
    middleware: tuple[_Place | Site, ...]


def portions(inventory: Inventory, most: int = _MOST, size: int = _PORTION) -> Iterator[Inventory]:
    """The inventory itself, or portions of it where it has more than so many endpoints.

    A portion is to be let go of before the next one is asked for; of the inventory the code behind its endpoints is.
    """
    if len(inventory.endpoints) <= most:
        yield inventory
        return
    symbols = inventory.reacher.symbols
    parked = [_parked(symbols.code, endpoint) for endpoint in inventory.endpoints]
    inventory.endpoints[:] = [each.endpoint for each in parked]
    inventory.reacher = Reacher(symbols)

    def each() -> Iterator[Inventory]:
        for start in range(0, len(parked), size):
            symbols.forget()
            asked = [_unparked(symbols.code, one) for one in parked[start : start + size]]
            yield inventory.portion(asked, each)

    yield from each()


def _parked(code: Files, endpoint: Endpoint) -> _Parked:
    bare = replace(endpoint, handler=None, guards=(), middleware=())
    handler = _place(code, endpoint.handler) if endpoint.handler is not None else None
    guards = tuple(_place(code, site) for site in endpoint.guards)
    return _Parked(bare, handler, guards, tuple(_place(code, site) for site in endpoint.middleware))


def _place(code: Files, site: Site) -> _Place | Site:
    """Where a piece of code stands; the piece itself where it would not be found again."""
    place = _Place(site.path, site.node.start_byte, site.node.end_byte, site.node.type)
    return place if _node_at(code, place) == site.node else site


def _unparked(code: Files, parked: _Parked) -> Endpoint:
    handler = _site(code, parked.handler) if parked.handler is not None else None
    guards = tuple(_site(code, place) for place in parked.guards)
    middleware = tuple(_site(code, place) for place in parked.middleware)
    return replace(parked.endpoint, handler=handler, guards=guards, middleware=middleware)


def _site(code: Files, place: _Place | Site) -> Site:
    if isinstance(place, Site):
        return place
    node = _node_at(code, place)
    assert node is not None, "it was found before, and files do not change during a scan"
    return Site(place.path, node)


def _node_at(code: Files, place: _Place) -> Node | None:
    node = code.tree(place.path).root_node.descendant_for_byte_range(place.start, place.end)
    while node is not None and (node.start_byte, node.end_byte, node.type) != (place.start, place.end, place.type):
        node = node.parent
    return node
