"""Middleware of NestJS modules: `consumer.apply(A).exclude("x").forRoutes(CatsController, { path, method })`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.bindings import CLASSES, arguments_of, property_of, string_of, unwrap
from auditor.facts.endpoints import covers
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_MAX_LINKS = 12
_LISTS = ("forRoutes", "exclude")


@dataclass(frozen=True, slots=True)
class Place:
    """What one argument of `forRoutes` or `exclude` names: a controller, or a path with a method."""

    path: str = ""
    method: str = "ALL"
    controller: str = ""

    def covers(self, controller: str, method: str, path: str) -> bool:
        if self.controller:
            return self.controller == controller
        return self.method in {"ALL", method} and covers(self.path, path)


@dataclass(frozen=True, slots=True)
class Middleware:
    sites: tuple[Site, ...]
    routes: tuple[Place, ...]
    excluded: tuple[Place, ...] = ()

    def covers(self, controller: str, method: str, path: str) -> bool:
        """Whether it runs before a route; `path` is the one without the application's prefix."""
        inside = any(place.covers(controller, method, path) for place in self.routes)
        return inside and not any(place.covers(controller, method, path) for place in self.excluded)


def read_middleware(symbols: Symbols, paths: Iterable[str]) -> list[Middleware]:
    """Every registration of an application's modules."""
    found = []
    for path in paths:
        if ".forRoutes(" in symbols.code.text(path):
            for call in symbols.code.nodes(path, "call_expression"):
                links = dict(_links(call))
                if "forRoutes" in links and "apply" in links and _name(call) == "forRoutes":
                    found.append(_read(symbols, path, links))
    return found


def _read(symbols: Symbols, path: str, links: dict[str, list[Node]]) -> Middleware:
    sites = tuple(_code(symbols, Site(path, given)) for given in links["apply"])
    routes, excluded = ([_place(each) for each in _listed(symbols, path, links.get(name, []))] for name in _LISTS)
    return Middleware(sites, tuple(routes), tuple(excluded))


def _listed(symbols: Symbols, path: str, given: Iterable[Node]) -> Iterator[Node]:
    """What is handed over, with the items of lists that are spread: `forRoutes(...controllers)`."""
    for node in given:
        inner = node.named_children[0] if node.type == "spread_element" and node.named_children else None
        target = symbols.resolve(path, inner) if inner is not None else None
        if isinstance(target, Site) and target.node.type == "array":
            yield from _listed(symbols, target.path, target.node.named_children)
        elif node.type != "comment":
            yield node


def _links(call: Node) -> Iterator[tuple[str, list[Node]]]:
    node = call
    for _ in range(_MAX_LINKS):
        function = node.child_by_field_name("function") if node.type == "call_expression" else None
        held = function.child_by_field_name("object") if function is not None else None
        if held is None:
            return
        yield _name(node), arguments_of(node)
        node = unwrap(held)


def _name(call: Node) -> str:
    function = call.child_by_field_name("function")
    return text_of(function.child_by_field_name("property")) if function is not None else ""


def _code(symbols: Symbols, site: Site) -> Site:
    """The method `use` of a middleware's class, else the function itself."""
    target = symbols.resolve(site.path, site.node)
    if isinstance(target, Site) and target.node.type in CLASSES:
        method = symbols.member(target, "use")
        return method if isinstance(method, Site) else target
    return target if isinstance(target, Site) else site


def _place(given: Node) -> Place:
    if given.type == "object":
        method = text_of(property_of(given, "method")).rsplit(".", 1)[-1]
        return Place(_pattern(string_of(property_of(given, "path")) or "*"), method or "ALL")
    text = string_of(given)
    return Place(_pattern(text)) if text is not None else Place(controller=text_of(given))


def _pattern(path: str) -> str:
    """`(.*)`, `*splat` and `{*path}` stand for everything below, as `*` does."""
    return re.sub(r"\(\.\*\)|\*\w+", "*", re.sub(r"\{/(\*\w*)\}", r"/\1", path))
