"""Contracts of ts-rest: what each of their routes is, and the function of a router that answers it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, returned, unwrap
from auditor.facts.builder_chains import link_of
from auditor.facts.elysia_hooks import entries
from auditor.facts.endpoints import join_paths
from auditor.facts.route_paths import text_at
from auditor.facts.router_events import At, Event
from auditor.facts.router_roots import path_of
from auditor.facts.symbols import Site
from auditor.facts.syntax import line_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.router_roots import Roots, Router
    from auditor.facts.symbols import Symbols

_MAX_DEPTH = 10
_INPUTS = {"body": "json", "query": "query", "pathParams": "param", "headers": "header"}
_NO_SCHEMA = re.compile(r"\w+\.(?:type|noBody|any|unknown)\b|null\b|undefined\b|[\"'`]")
_SERVES, _APPLICATION = "createExpressEndpoints", 2  # after the contract and the router
_BEFORE = ("middleware", "onRequest", "preValidation", "preHandler")


@dataclass(frozen=True, slots=True)
class Operation:
    """One route of a contract: `declared` is what the contract says of it, `before` what its handler stands behind."""

    method: str
    path: str
    declared: Site
    handler: Site
    before: tuple[Site, ...] = ()


@dataclass(frozen=True, slots=True)
class _Contract:
    holder: Site  # an object: of one route, or of several
    prefix: str


def operations(symbols: Symbols, contract: Site, router: Site, prefix: str = "") -> Iterator[Operation]:
    """Every route of a contract that a router answers."""
    found = _contract(symbols, contract, prefix)
    if found is not None:
        yield from _within(symbols, found, router, 0)


def schemas_of(declared: Site) -> frozenset[str]:
    """The inputs for which a route of a contract has a schema."""
    given = entries(declared.node)
    return frozenset(_INPUTS[key] for key, value in given if key in _INPUTS and not _NO_SCHEMA.match(text_of(value)))


def is_operation(declared: Site) -> bool:
    """Whether an object is one route of a contract."""
    return declared.node.type == "object" and "responses" in dict(entries(declared.node))


def served(roots: Roots, texts: dict[str, str]) -> Iterator[tuple[Router, Event]]:
    """What `createExpressEndpoints(contract, router, app)` registers on an application of Express."""
    for path in (path for path, text in texts.items() if _SERVES in text):
        for call in roots.symbols.code.nodes(path, "call_expression"):
            given = [Site(path, each) for each in arguments_of(call)]
            if text_of(call.child_by_field_name("function")) != _SERVES or len(given) <= _APPLICATION:
                continue
            app = roots.locate(path, given[_APPLICATION].node)
            options = given[-1].node
            first = _listed(path, property_of(options, "globalMiddleware")) if options.type == "object" else ()
            at = At(path, call.start_byte, line_of(call))
            if app is None:
                continue
            for each in operations(roots.symbols, given[0], given[1]):
                handlers, where = (*first, *each.before, each.handler), path_of(app.base, each.path)
                yield app, Event("route", at, where, (each.method,), handlers, declared=each.declared)


def _listed(path: str, node: Node | None) -> tuple[Site, ...]:
    if node is None:
        return ()
    return tuple(Site(path, each) for each in (node.named_children if node.type == "array" else [node]))


def _contract(symbols: Symbols, site: Site, prefix: str = "", depth: int = 0) -> _Contract | None:
    """The object behind `contract.users`, `c.router({ … }, { pathPrefix })`, `c.query({ … })` and names of them."""
    node = unwrap(site.node)
    if depth > _MAX_DEPTH:
        return None
    if node.type == "object":
        return _Contract(Site(site.path, node), prefix)
    if node.type == "member_expression" and (held := node.child_by_field_name("object")) is not None:
        whole = _contract(symbols, Site(site.path, held), prefix, depth + 1)
        name = text_of(node.child_by_field_name("property"))
        inner = _entry(symbols, whole.holder, name) if whole is not None else None
        if inner is not None and whole is not None:
            return _contract(symbols, inner, whole.prefix, depth + 1)
    link, given = link_of(node), arguments_of(node)
    if link is not None and link[0] in {"router", "query", "mutation"} and given:
        lead = _path_prefix(symbols, Site(site.path, given[1])) if len(given) > 1 else ""
        return _contract(symbols, Site(site.path, given[0]), join_paths(prefix, lead), depth + 1)
    target = symbols.resolve(site.path, node)
    if isinstance(target, Site) and target.node != node:
        return _contract(symbols, target, prefix, depth + 1)
    return None


def _path_prefix(symbols: Symbols, options: Site) -> str:
    found = symbols.resolve(options.path, options.node)
    named = property_of(found.node, "pathPrefix") if isinstance(found, Site) and found.node.type == "object" else None
    return (text_at(symbols, Site(found.path, named)) or "") if named is not None and isinstance(found, Site) else ""


def _entry(symbols: Symbols, holder: Site, name: str, depth: int = 0) -> Site | None:
    """What an object holds under a name, in what it spreads too."""
    for key, value in entries(holder.node):
        if key == name:
            return Site(holder.path, value)
    for child in holder.node.named_children if depth < _MAX_DEPTH else ():
        if child.type == "spread_element" and child.named_children:
            inner = _object(symbols, Site(holder.path, child.named_children[0]))
            if inner is not None and (found := _entry(symbols, inner, name, depth + 1)) is not None:
                return found
    return None


def _object(symbols: Symbols, site: Site, depth: int = 0) -> Site | None:
    """The object of functions behind a router: of `s.router(contract, { … })`, `router.routes`, a name of either."""
    node = unwrap(site.node)
    if depth > _MAX_DEPTH or node.type == "object":
        return Site(site.path, node) if node.type == "object" else None
    if node.type == "call_expression":
        given = arguments_of(node)
        made = symbols.called(site.path, node)
        if isinstance(made, Site) and made.node.type in FUNCTIONS:
            values = (_object(symbols, Site(made.path, each), depth + 1) for each in returned(made.node))
            return next((value for value in values if value is not None), None)
        return _object(symbols, Site(site.path, given[-1]), depth + 1) if len(given) > 1 else None
    if node.type == "member_expression" and text_of(node.child_by_field_name("property")) == "routes":
        held = node.child_by_field_name("object")
        return _object(symbols, Site(site.path, held), depth + 1) if held is not None else None
    target = symbols.resolve(site.path, node)
    return _object(symbols, target, depth + 1) if isinstance(target, Site) and target.node != node else None


def _within(symbols: Symbols, contract: _Contract, router: Site, depth: int) -> Iterator[Operation]:
    if depth > _MAX_DEPTH:
        return
    if is_operation(contract.holder):
        yield from _operation(symbols, contract, router)
        return
    functions = _object(symbols, router)
    for name, value in entries(contract.holder.node) if functions is not None else ():
        inner = _contract(symbols, Site(contract.holder.path, value), contract.prefix)
        answering = _entry(symbols, functions, name) if functions is not None else None
        if inner is not None and answering is not None:
            yield from _within(symbols, inner, answering, depth + 1)


def _operation(symbols: Symbols, contract: _Contract, answering: Site) -> Iterator[Operation]:
    declared = dict(entries(contract.holder.node))
    method = text_at(symbols, Site(contract.holder.path, declared["method"])) if "method" in declared else "GET"
    path = text_at(symbols, Site(contract.holder.path, declared["path"])) if "path" in declared else None
    if method is None or path is None:
        return
    before: tuple[Site, ...] = ()
    target = symbols.resolve(answering.path, answering.node)
    if isinstance(target, Site) and target.node.type == "call_expression" and len(arguments_of(target.node)) > 1:
        target = symbols.resolve(target.path, arguments_of(target.node)[-1])  # `s.route(contract.x, { … })`
    if isinstance(target, Site) and target.node.type == "object":
        given = dict(entries(target.node))
        hooks = dict(entries(given["hooks"])) if "hooks" in given and given["hooks"].type == "object" else {}
        before = tuple(each for name in _BEFORE for each in _listed(target.path, {**given, **hooks}.get(name)))
        target = Site(target.path, given["handler"]) if "handler" in given else None
    handler = target if isinstance(target, Site) else answering
    yield Operation(method.upper(), join_paths(contract.prefix, path), contract.holder, handler, before)
