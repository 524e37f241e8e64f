"""Routers of Hono and Express: what is registered on each, in order, wherever the router is passed to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, string_of, unwrap
from auditor.facts.router_roots import CHAINED, METHODS, Roots, Router, path_of, route_of_chain
from auditor.facts.symbols import Parameter, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.router_roots import RouterKey
    from auditor.facts.symbols import Symbols, Target

_REGISTERS = re.compile(r"\.(?:get|post|put|patch|delete|all|use|on|route|openapi|mount)\s*\(")


@dataclass(frozen=True, slots=True, order=True)
class At:
    """Where something is registered; registrations of one file are in the order of their places."""

    path: str
    byte: int
    line: int


@dataclass(frozen=True, slots=True)
class Event:
    """One registration: `use`, `route` or `mount`."""

    kind: str
    at: At
    path: str
    methods: tuple[str, ...] = ()
    handlers: tuple[Site, ...] = ()
    router: Router | None = None
    declared: Site | None = None


@dataclass(slots=True)
class Routers:
    """Every router and its registrations; `mounted` are those that another one holds."""

    symbols: Symbols
    roots: Roots
    routers: dict[RouterKey, Router] = field(default_factory=dict)
    events: dict[RouterKey, list[Event]] = field(default_factory=dict)
    mounted: set[RouterKey] = field(default_factory=set)

    def read(self) -> None:
        """Read every file that registers something."""
        for path, language in self.symbols.code.files.items():
            if language != "python" and _REGISTERS.search(self.symbols.code.text(path)):
                # Backwards: the links of a chain begin at one place, and the shorter one is a part of the longer.
                for call in reversed(self.symbols.code.nodes(path, "call_expression")):
                    self._call(path, call)
        for key, events in self.events.items():
            events.sort(key=lambda event: (event.at.path != key[0], event.at))

    def _call(self, path: str, call: Node) -> None:
        function = call.child_by_field_name("function")
        if function is None:
            return
        given = arguments_of(call)
        name = text_of(function.child_by_field_name("property")) if function.type == "member_expression" else ""
        if name in CHAINED:
            held = function.child_by_field_name("object")
            if held is None or not _plausible(name, given):
                return
            router = self.roots.locate(path, held)
            if router is not None:
                at = At(path, function.end_byte, function.end_point[0] + 1)
                self._register(router, name, at, given, route_of_chain(held))
        elif given and given[0].type == "identifier" and len(given) < 4:  # noqa: PLR2004 - routes(app, db, options)
            self._hand_over(path, call, given)

    def _hand_over(self, path: str, call: Node, given: list[Node]) -> None:
        """`registerRoutes(app)`: what the function registers on its parameter is registered on the router here."""
        for index, argument in enumerate(given):
            if argument.type != "identifier":
                continue
            router = self.roots.locate(path, argument)
            target = self.symbols.called(path, call) if router is not None else None
            if router is not None and isinstance(target, Site):
                inner = Router(target, router.framework, parameter=index)
                self._add(
                    router, Event("mount", At(path, call.end_byte, call.start_point[0] + 1), router.base, router=inner)
                )

    def _register(self, router: Router, name: str, at: At, given: list[Node], chained: str | None) -> None:
        path = at.path
        if name == "use":
            self._use(router, at, given)
        elif name == "route" and len(given) > 1:
            inner = self.roots.locate(path, given[1])
            if inner is not None:
                self._add(router, Event("mount", at, path_of(router.base, self._text(path, given[0])), router=inner))
        elif name == "mount" and len(given) > 1:
            self._mount(router, at, given)
        elif name == "openapi" and len(given) > 1:
            self._openapi(router, at, given)
        elif name == "on" and len(given) > 2:  # noqa: PLR2004 - methods, path, handler
            methods = tuple(re.findall(r"[A-Z]+", text_of(given[0]).upper()))
            self._add(router, self._route(router, methods, at, given[1:], None))
        elif name in METHODS:
            self._add(router, self._route(router, (name.upper(),), at, given, chained))

    def _route(self, router: Router, methods: tuple[str, ...], at: At, given: list[Node], chained: str | None) -> Event:
        first = self._text(at.path, given[0]) if given else None
        rest = given if first is None else given[1:]
        path = path_of(router.base, chained if first is None else first)
        return Event("route", at, path, methods, self._handlers(at.path, rest))

    def _use(self, router: Router, at: At, given: list[Node]) -> None:
        if len(given) > 1 and (rows := list(self._rows(at.path, given))):
            for path, held in rows:
                self._add(router, Event("mount", at, path_of(router.base, path), router=held))
            return
        first = self._text(at.path, given[0]) if given else None
        rest = given[1:] if first is not None else given
        guards = []
        for site in self._handlers(at.path, rest):
            inner = self.roots.locate(site.path, site.node)
            if inner is None:
                guards.append(site)
            else:
                place = path_of(router.base, first)
                self._add(router, Event("mount", at, place, handlers=tuple(guards), router=inner))
        pattern = first if first is not None else "*"
        if router.framework == "Express" and not pattern.endswith("*"):
            pattern += "/*"  # Express runs it for everything below, too
        self._add(router, Event("use", at, path_of(router.base, pattern), handlers=tuple(guards)))

    def _rows(self, path: str, given: list[Node]) -> Iterator[tuple[str, Router]]:
        """`rows.forEach((row) => router.use(row.path, row.route))`: path and router of each row of a literal array."""
        keys = [text_of(node.child_by_field_name("property")) for node in (given[0], given[-1])]
        row = given[0].child_by_field_name("object") if given[0].type == "member_expression" else None
        target = self.symbols.resolve(path, row) if row is not None else None
        if not isinstance(target, Parameter) or target.index != 0:
            return
        for item in self._looped(target.site):
            where, held = (self.symbols.member(item, key) for key in keys)
            router = self.roots.locate(held.path, held.node) if isinstance(held, Site) else None
            if isinstance(where, Site) and router is not None:
                yield string_of(where.node) or "", router

    def _looped(self, callback: Site) -> Iterator[Site]:
        """The objects of the literal array whose `forEach` is given a callback."""
        call = callback.node.parent.parent if callback.node.parent is not None else None
        function = call.child_by_field_name("function") if call is not None else None
        held = function.child_by_field_name("object") if function is not None else None
        array = self.symbols.resolve(callback.path, held) if held is not None else None
        if isinstance(array, Site) and array.node.type == "array":
            yield from (Site(array.path, child) for child in array.node.named_children if child.type == "object")

    def _mount(self, router: Router, at: At, given: list[Node]) -> None:
        held = given[1].child_by_field_name("object") if given[1].type == "member_expression" else given[1]
        inner = self.roots.locate(at.path, held) if held is not None else None
        if inner is not None:
            self._add(router, Event("mount", at, path_of(router.base, self._text(at.path, given[0])), router=inner))

    def _openapi(self, router: Router, at: At, given: list[Node]) -> None:
        """`app.openapi(createRoute({ method, path, request, middleware }), handler)`."""
        route = self.symbols.resolve(at.path, given[0])
        options = arguments_of(route.node) if isinstance(route, Site) and route.node.type == "call_expression" else []
        if not isinstance(route, Site) or not options or options[0].type != "object":
            return
        declared = Site(route.path, options[0])
        method, where = (self.symbols.member(declared, key) for key in ("method", "path"))
        methods = (string_of(method.node) or "all").upper() if isinstance(method, Site) else "ALL"
        place = re.sub(r"\{(\w+)\}", r":\1", string_of(where.node) or "*") if isinstance(where, Site) else "*"
        middleware = self.symbols.member(declared, "middleware")
        before = self._handlers(middleware.path, [middleware.node]) if isinstance(middleware, Site) else ()
        handlers = (*before, *self._handlers(at.path, given[1:2]))
        self._add(router, Event("route", at, path_of(router.base, place), (methods,), handlers, declared=declared))

    def _handlers(self, path: str, given: list[Node]) -> tuple[Site, ...]:
        """The functions of a registration: arrays and `...factory.createHandlers(a, b)` are taken apart."""
        found: list[Site] = []
        for node in given:
            inner = unwrap(node.named_children[0] if node.type == "spread_element" and node.named_children else node)
            target = self.symbols.resolve(path, inner)
            several = self._several(target, spread=node.type == "spread_element")
            found += [Site(path, inner)] if several is None else several
        return tuple(found)

    def _several(self, target: Target | None, *, spread: bool) -> list[Site] | None:
        if isinstance(target, Site) and target.node.type == "array":
            return [site for child in target.node.named_children for site in self._handlers(target.path, [child])]
        if spread and isinstance(target, Site) and target.node.type == "call_expression":
            return list(self._handlers(target.path, arguments_of(target.node)))
        return None

    def _text(self, path: str, node: Node) -> str | None:
        """A path as text; holes of templates are followed where they are constants. None when it is no path."""
        node = unwrap(node)
        if (plain := string_of(node)) is not None:
            return plain
        if node.type == "template_string":
            return "".join(self._piece(path, child) for child in node.children[1:-1])
        if node.type == "regex":
            return "*"
        if node.type == "array" and node.named_children and string_of(node.named_children[0]) is not None:
            return string_of(node.named_children[0])
        if node.type in {"identifier", "member_expression"}:
            target = self.symbols.resolve(path, node)
            is_text = isinstance(target, Site) and target.node.type in {"string", "template_string"}
            return self._text(target.path, target.node) if is_text and isinstance(target, Site) else None
        return None

    def _piece(self, path: str, child: Node) -> str:
        if child.type != "template_substitution":
            return text_of(child)
        inner = child.named_children[0] if child.named_children else None
        return (self._text(path, inner) if inner is not None else None) or ":value"

    def _add(self, router: Router, event: Event) -> None:
        self.routers.setdefault(router.key, router)
        self.events.setdefault(router.key, []).append(event)
        if event.router is not None:
            self.mounted.add(event.router.key)


def _plausible(name: str, given: list[Node]) -> bool:
    """Whether these are the arguments of a registration: `map.get(key)` and `axios.get(url)` are not."""
    if not given:
        return False
    if name in METHODS and len(given) == 1:
        return unwrap(given[0]).type not in {"string", "template_string", "number", "object"}
    return True
