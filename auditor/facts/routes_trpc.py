"""Procedures of tRPC: every query, mutation and subscription of the routers that are served, with its middleware."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, required, returned, unwrap
from auditor.facts.endpoints import Endpoint, Listed
from auditor.facts.pieces import Kept
from auditor.facts.routed import open_handler
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import line_of, nodes, text_of
from auditor.facts.trpc_procedures import Procedures, place_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols
    from auditor.facts.trpc_procedures import Place, Procedure

_ROUTER = re.compile(r"(?:^|\.)(?:\w*[rR]outer|mergeRouters)$")
_MAKES = re.compile(r"(?<!use)[rR]outer\(\s*[\w{.]|mergeRouters\(")
_HANDS_OVER = re.compile(r"\brouter\s*[:,}]|\(\s*\w*[rR]outer\s*[,)]")
_LIBRARY_ROUTER = re.compile(r"(?:^|\.)(?:router|mergeRouters)$")
_CALLERS = re.compile(r"createCaller|createCallerFactory|ServerSideHelpers|inferRouter")
_MAX_DEPTH = 12


@dataclass(slots=True)
class _Reader:
    """Finds routers and what they hold; `contained` are those that another one holds."""

    symbols: Symbols
    procedures: Procedures
    _made: dict[Place, bool] = field(default_factory=dict)
    contained: set[Place] = field(default_factory=set)

    def is_router(self, site: Site) -> bool:
        """Whether a call makes a router: `t.router({…})`, `createTRPCRouter({…})`, `mergeRouters(a, b)`."""
        if site.node.type != "call_expression" or not _ROUTER.search(_name_of(site.node)):
            return False
        key = place_of(site)
        if key not in self._made:
            self._made[key] = self._makes_router(site)
        return self._made[key]

    def _makes_router(self, site: Site) -> bool:
        target = self.symbols.called(site.path, site.node)
        if isinstance(target, External):
            return target.package.startswith("@trpc/server") and _LIBRARY_ROUTER.search(target.name) is not None
        if isinstance(target, Site):
            return False
        given = arguments_of(site.node)  # the factory could not be followed: procedures in it say what it makes
        values = given[0].named_children if given and given[0].type == "object" else given
        return any(self._is_inside(Site(site.path, value)) for value in values)

    def _is_inside(self, entry: Site) -> bool:
        value = Site(entry.path, entry.node.child_by_field_name("value") or entry.node)
        target = self.symbols.resolve(value.path, value.node)
        return isinstance(target, Site) and (self.procedures.read(target) is not None or self.is_router(target))

    def walk(self, site: Site, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, Procedure]]:
        """(path, procedure) of everything that a router, or an object of routers, holds."""
        target = self.symbols.resolve(site.path, site.node) if len(prefix) < _MAX_DEPTH else None
        if not isinstance(target, Site):
            return
        if target.node.type == "object":
            yield from self._entries(target, prefix)
        elif (procedure := self.procedures.read(target)) is not None:
            yield ".".join(prefix), procedure
        elif self.is_router(target):
            self.contained.update({place_of(target)} if prefix else ())
            for given in arguments_of(target.node):
                self._merged(target, given)
                yield from self.walk(Site(target.path, given), prefix)
        elif target.node.type in {"call_expression", "program"}:
            yield from self._made_elsewhere(target, prefix)

    def _merged(self, router: Site, given: Node) -> None:
        target = self.symbols.resolve(router.path, given)
        if isinstance(target, Site) and target.node.type == "call_expression":
            self.contained.add(place_of(target))

    def _entries(self, holder: Site, prefix: tuple[str, ...]) -> Iterator[tuple[str, Procedure]]:
        for child in holder.node.named_children:
            if child.type == "spread_element" and child.named_children:
                yield from self._spread(Site(holder.path, unwrap(child.named_children[0])), prefix)
            elif child.type == "shorthand_property_identifier":
                yield from self.walk(Site(holder.path, child), (*prefix, text_of(child)))
            elif (value := child.child_by_field_name("value")) is not None:
                name = text_of(child.child_by_field_name("key")).strip("\"'`")
                yield from self.walk(Site(holder.path, value), (*prefix, name))

    def _spread(self, site: Site, prefix: tuple[str, ...]) -> Iterator[tuple[str, Procedure]]:
        """`...other._def.procedures` stands for the other router's own."""
        node = site.node
        while node.type == "member_expression" and text_of(node.child_by_field_name("property")) in {
            "_def", "procedures", "record",
        }:  # fmt: skip
            node = unwrap(node.child_by_field_name("object") or node)
        self._merged(site, node)
        yield from self.walk(Site(site.path, node), prefix)

    def _made_elsewhere(self, site: Site, prefix: tuple[str, ...]) -> Iterator[tuple[str, Procedure]]:
        """`createRouter()` of the repository, `lazy(() => import("./x"))`, and the module behind it."""
        if site.node.type == "program":
            for name in self.symbols.module(site.path).exports:
                target = self.symbols.exported(site.path, name)
                if isinstance(target, Site) and self.is_router(target):
                    yield from self.walk(target, prefix)
                    return
            return
        made = self.symbols.called(site.path, site.node)
        if isinstance(made, Site) and made.node.type in FUNCTIONS:
            for value in returned(made.node):
                yield from self.walk(Site(made.path, value), prefix)
        elif isinstance(made, External) and made.last == "lazy":
            for call in nodes(self.symbols.code.files[site.path], site.node, "call_expression"):
                if required(call) is not None:
                    yield from self.walk(Site(site.path, call), prefix)


def find_trpc(symbols: Symbols) -> list[Endpoint]:
    """Every procedure of the routers that no other one holds; where some are served, of those."""
    kept = Kept(symbols.code)
    reader = _Reader(symbols, Procedures(symbols, kept))
    making = _naming(symbols, _MAKES)
    if not any("trpc" in symbols.code.text(path).lower() for path in making):
        return []
    routers = Kept(symbols.code, (call for call in _calls(symbols, making) if reader.is_router(call)))
    found = {place_of(site): list(reader.walk(site)) for site in routers}
    roots = [site for site in routers if place_of(site) not in reader.contained]
    served = {place_of(target) for target in _served(reader, found)} if len(roots) > 1 else set()
    asked = [site for site in roots if place_of(site) in served] or roots
    listed = Listed(symbols.code, (_endpoint(symbols, *each) for site in asked for each in found[place_of(site)]))
    return list(dict.fromkeys(listed))


def _naming(symbols: Symbols, pattern: re.Pattern[str]) -> list[str]:
    files = symbols.code.files.items()
    texts = ((path, symbols.code.text(path)) for path, language in files if language != "python")
    return [path for path, text in texts if "outer" in text and pattern.search(text)]


def _calls(symbols: Symbols, paths: list[str]) -> Iterator[Site]:
    for path in paths:
        yield from (Site(path, node) for node in symbols.code.nodes(path, "call_expression"))


def _served(reader: _Reader, routers: Collection[Place]) -> Iterator[Site]:
    """The routers that are handed to something that answers with them; to call one's own code is no service."""
    for call in _calls(reader.symbols, _naming(reader.symbols, _HANDS_OVER)):
        if place_of(call) in routers or _CALLERS.search(_name_of(call.node)):
            continue
        for given in (each for argument in arguments_of(call.node) for each in _handed(call.path, argument)):
            target = reader.symbols.resolve(given.path, given.node)
            if isinstance(target, Site) and reader.is_router(target):
                yield target


def _handed(path: str, argument: Node) -> Iterator[Site]:
    if argument.type == "identifier" and _ROUTER.search(text_of(argument)):
        yield Site(path, argument)
    elif argument.type == "object":
        value = property_of(argument, "router")
        inner = property_of(argument, "trpcOptions")
        if value is not None:
            yield Site(path, value)
        if inner is not None and inner.type == "object":
            yield from _handed(path, inner)


def _endpoint(symbols: Symbols, path: str, procedure: Procedure) -> Endpoint:
    opened = open_handler(symbols, procedure.handler)
    where = procedure.where
    if opened.handler is not None and opened.handler.path != where.path:
        where = FileSpan(opened.handler.path, line_of(opened.handler.node))
    return Endpoint(
        "tRPC", procedure.method, path, where, opened.handler, (*procedure.chain.guards, *opened.wrappers),
        schemas=frozenset({"*"} if procedure.chain.validated else ()), lost=opened.lost,
    )  # fmt: skip


def _name_of(call: Node) -> str:
    """How a call's function is written; empty where that is more than a name."""
    function = call.child_by_field_name("function")
    plain = function is not None and function.type in {"identifier", "member_expression"}
    return text_of(function)[-80:] if plain and function is not None else ""
