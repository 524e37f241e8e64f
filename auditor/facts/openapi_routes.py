"""Routes of Hono that stand beside their handlers in objects: `app.openapiRoutes([{ route, handler }])`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, returned, unwrap
from auditor.facts.symbols import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.symbols import Symbols

_MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Described:
    """One route with its handler; `before` is what the function that puts both together may add."""

    route: Site
    handler: Site
    before: tuple[Site, ...] = ()


def described_routes(symbols: Symbols, listed: Site, depth: int = _MAX_DEPTH) -> Iterator[Described]:
    """The routes of an array, of arrays spread in it, and of what gives one."""
    node = unwrap(listed.node)
    if node.type == "spread_element" and node.named_children:
        node = unwrap(node.named_children[0])
    target = symbols.resolve(listed.path, node) if depth else None
    if not isinstance(target, Site):
        return
    if target.node.type == "array":
        for child in target.node.named_children:
            yield from described_routes(symbols, Site(target.path, child), depth - 1)
    elif target.node.type == "object":
        yield from _of_object(target)
    elif target.node.type == "call_expression":
        yield from _of_call(symbols, target, depth)


def declarations(symbols: Symbols, site: Site, depth: int = _MAX_DEPTH) -> list[Site]:
    """The objects that declare a route, the nearest first: `{ ...listNotes, middleware: [requireUser] }`."""
    if site.node.type == "object":
        spread = [child.named_children[0] for child in site.node.named_children if child.type == "spread_element"]
        inner = [declarations(symbols, Site(site.path, node), depth - 1) for node in spread] if depth else []
        whole = any(inner) or property_of(site.node, "path") is not None
        return [site, *(found for each in reversed(inner) for found in each)] if whole else []
    route = symbols.resolve(site.path, site.node)
    if isinstance(route, Site) and route.node.type == "object" and depth:
        return declarations(symbols, route, depth - 1)
    given = arguments_of(route.node) if isinstance(route, Site) and route.node.type == "call_expression" else []
    if not isinstance(route, Site) or not given or given[0].type != "object":
        return []
    made = Site(route.path, given[0])
    return (declarations(symbols, made, depth - 1) if depth else []) or [made]


def first_of(declared: list[Site], key: str) -> Site | None:
    """The value of a property in the nearest object that has it."""
    found = ((each.path, property_of(each.node, key)) for each in declared)
    return next((Site(path, node) for path, node in found if node is not None), None)


def described_by(symbols: Symbols, route: Site) -> tuple[list[Site], list[Site]]:
    """(the object that declares a route, what it is put together of): `createRoute({ ...config, method: "put" })`."""
    node = unwrap(route.node)
    target = symbols.resolve(route.path, node)
    if isinstance(target, Site) and target.node.type == "call_expression" and arguments_of(target.node):
        route, node = target, unwrap(arguments_of(target.node)[0])
    if node.type != "object":
        return [], [Site(route.path, node)]
    spread = [child.named_children[0] for child in node.named_children if child.type == "spread_element"]
    return [Site(route.path, node)], [Site(route.path, each) for each in spread]


def _of_object(holder: Site) -> Iterator[Described]:
    route, handler = property_of(holder.node, "route"), property_of(holder.node, "handler")
    if route is not None and handler is not None:
        yield Described(Site(holder.path, route), Site(holder.path, handler))


def _of_call(symbols: Symbols, call: Site, depth: int) -> Iterator[Described]:
    """`defineOpenAPIRoute({ route, handler })`, `guarded(contract, { handler, middleware })`, a function of a list."""
    given = [Site(call.path, each) for each in arguments_of(call.node)]
    objects = [each for each in given if each.node.type == "object"]
    handler = next((found for each in objects if (found := property_of(each.node, "handler")) is not None), None)
    made = symbols.called(call.path, call.node)
    own = isinstance(made, Site) and made.node.type in FUNCTIONS
    if handler is None and own and isinstance(made, Site):
        for value in returned(made.node):
            yield from described_routes(symbols, Site(made.path, value), depth - 1)
    if handler is None:
        return
    named = next((found for each in objects if (found := property_of(each.node, "route")) is not None), None)
    added = [Site(call.path, found) for each in objects if (found := property_of(each.node, "middleware")) is not None]
    wrapper = [Site(call.path, call.node.child_by_field_name("function") or call.node)] if own else []
    route = Site(call.path, named) if named is not None else given[0]
    yield Described(route, Site(call.path, handler), (*wrapper, *_flat(symbols, added)))


def _flat(symbols: Symbols, added: list[Site]) -> Iterator[Site]:
    for each in added:
        target = symbols.resolve(each.path, unwrap(each.node))
        if isinstance(target, Site) and target.node.type == "array":
            yield from (Site(target.path, child) for child in target.node.named_children)
        else:
            yield each
