"""Endpoints out of routers: prefixes joined, middleware in its order, handlers taken out of their wrappers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, returned, string_of, unwrap
from auditor.facts.endpoints import Endpoint, covers, join_paths, park
from auditor.facts.hosting import HOST, is_host
from auditor.facts.symbols import External, Missing, Parameter, Site
from auditor.facts.syntax import line_of, text_of
from auditor.facts.ts_rest import is_operation, schemas_of
from auditor.facts.typed_parameters import typed_method
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.router_events import Event
    from auditor.facts.router_roots import Router, RouterKey
    from auditor.facts.routers import Routers
    from auditor.facts.symbols import Symbols, Target

_MAX_DEPTH = 12
_MAX_WRAPPERS = 6
_NEXT = re.compile(r"\bnext\(\s*\)")
_REQUEST_KEYS = {"body": "json", "query": "query", "params": "param", "headers": "header", "cookies": "cookie"}


@dataclass(frozen=True, slots=True)
class Opened:
    """A handler out of its wrappers; `lost` names what could not be followed when there is no handler."""

    handler: Site | None
    wrappers: tuple[Site, ...] = ()
    lost: str = ""


def open_handler(symbols: Symbols, site: Site, depth: int = _MAX_WRAPPERS) -> Opened:
    """The function that answers, inside `withAuth(handler)` and the like; the wrappers stand in front of it."""
    return open_target(symbols, symbols.resolve(site.path, site.node), text_of(site.node)[:60], depth)


def open_target(symbols: Symbols, target: Target | None, written: str, depth: int = _MAX_WRAPPERS) -> Opened:
    """The same for what is known already; `written` is how the code calls it."""
    if isinstance(target, Parameter):
        target = typed_method(symbols, target) or target
    if depth <= 0 or not isinstance(target, Site):
        return Opened(None, (), _lost(target, written))
    if target.node.type in FUNCTIONS:
        return Opened(target)
    if target.node.type == "call_expression":
        return _open_call(symbols, target, depth)
    return Opened(target)  # a value: what it holds is read as it stands


def _open_call(symbols: Symbols, call: Site, depth: int) -> Opened:
    wrapper = Site(call.path, call.node.child_by_field_name("function") or call.node)
    for argument in reversed(arguments_of(call.node)):
        if argument.type in {"object", "string", "template_string", "number", "array"}:
            continue
        inner = open_handler(symbols, Site(call.path, argument), depth - 1)
        if inner.handler is not None and inner.handler.node.type in FUNCTIONS:
            return Opened(inner.handler, (wrapper, *inner.wrappers))
    made = symbols.called(call.path, call.node)
    if isinstance(made, Site) and made.node.type in FUNCTIONS:  # `makeHandler(options)` gives a function back
        for value in returned(made.node):
            inner = open_handler(symbols, Site(made.path, value), depth - 1)
            if inner.handler is not None:
                return Opened(inner.handler, (wrapper, *inner.wrappers))
        return Opened(made)
    return Opened(None, (wrapper,), _lost(made, text_of(wrapper.node)[:60]))


def _lost(target: Target | None, written: str) -> str:
    if isinstance(target, External):
        return f"{target.package}: {target.name}"
    if isinstance(target, Missing):
        return f"{target.name} of {target.specifier}"
    return written


@dataclass(frozen=True, slots=True)
class _Active:
    """Middleware that is on: for a path's pattern, where methods are named for those only."""

    pattern: str
    sites: tuple[Site, ...]
    methods: tuple[str, ...] = ()
    parameter: str = ""

    def covers(self, method: str, path: str) -> bool:
        if self.methods and method not in self.methods and "ALL" not in self.methods:
            return False
        return f":{self.parameter}" in path.split("/") if self.parameter else covers(self.pattern, path)


@dataclass(slots=True, weakref_slot=True)
class Flattened:
    """Walks routers from those that nothing holds down to their routes."""

    routers: Routers
    _whole: dict[RouterKey, list[Endpoint]] = field(default_factory=dict)
    _found: list[Endpoint] = field(default_factory=list)
    _passing: set[Endpoint] = field(default_factory=set)

    def park(self) -> None:
        """Let go of the trees behind all that was found."""
        for endpoints in (*self._whole.values(), self._found):
            park(endpoints, self.routers.symbols.code)

    def read(self) -> dict[RouterKey, list[Endpoint]]:
        """The endpoints of each router that no other one holds."""
        self.routers.symbols.code.watch(self.park)
        for key, router in self.routers.routers.items():
            if key not in self.routers.mounted and (router.parameter is None or self._is_loaded(router)):
                self._found, self._passing = [], set()
                self._walk(key, router.framework, "", [], 0)
                self._whole[key] = self._answering()
        return self._whole

    def _is_loaded(self, router: Router) -> bool:
        """Whether a file is made for being given the application: by a loader that goes through a folder, say."""
        known = any(
            each.parameter is None and each.framework == router.framework for each in self.routers.routers.values()
        )
        exports = self.routers.symbols.module(router.root.path).exports
        return known and router.likely and exports.get("default") == router.root.node

    def _answering(self) -> list[Endpoint]:
        """The endpoints without those that hand the request on to a later one."""
        answered = {(each.method, each.path) for each in self._found if each not in self._passing}
        return [e for e in self._found if e not in self._passing or (e.method, e.path) not in answered]

    def _walk(self, key: RouterKey, framework: str, prefix: str, active: list[_Active], depth: int) -> None:
        for event in self._events(key) if depth < _MAX_DEPTH else ():
            path = join_paths(prefix, event.path)
            if event.kind == "use":
                self._host(framework, event, path, active)
                below = framework in {"Express", "Koa"} and not path.endswith(
                    "*"
                )  # which runs it for everything below, too
                active.append(_Active(path.rstrip("/") + "/*" if below else path, event.handlers))
            elif event.kind == "param":
                active.append(_Active("", event.handlers, parameter=event.path))
            elif event.kind == "route":
                self._route(framework, event, path, active)
            elif event.router is not None and event.router.parameter is not None:
                self._walk(event.router.key, framework, path, active, depth + 1)  # the same router elsewhere
            elif event.router is not None:
                below_it = [_Active(join_paths(path, "*"), event.handlers)] if event.handlers else []
                self._walk(event.router.key, event.router.framework, path, [*active, *below_it], depth + 1)

    def _events(self, key: RouterKey) -> Iterator[Event]:
        chain: list[RouterKey] = []
        router = self.routers.routers.get(key)
        while router is not None and len(chain) < _MAX_DEPTH:
            chain.append(router.key)
            router = router.factory
        for each in reversed(chain):
            yield from self.routers.events.get(each, ())

    def _route(self, framework: str, event: Event, path: str, active: list[_Active]) -> None:
        if not event.handlers:
            return
        opened = open_handler(self.routers.symbols, event.handlers[-1])
        passes = _passes_on(opened.handler)
        if "ALL" in event.methods and (passes or (event.chained and opened.handler is None)):
            active.append(_Active(path, event.handlers))
            return
        for endpoint in self._endpoints(framework, event, path, opened, active):
            self._found.append(endpoint)
            if passes:
                self._passing.add(endpoint)
        if passes:
            active.append(_Active(path, event.handlers, event.methods))

    def _host(self, framework: str, event: Event, path: str, active: list[_Active]) -> None:
        """What is put at a path and answers for others: what stands before it stands before those."""
        last = event.handlers[-1] if event.handlers and not path.endswith("*") else None
        if last is not None and is_host((opened := open_handler(self.routers.symbols, last)).lost):
            self._found += self._endpoints(framework, replace(event, methods=(HOST,)), path, opened, active)

    def _endpoints(
        self, framework: str, event: Event, path: str, opened: Opened, active: list[_Active]
    ) -> Iterator[Endpoint]:
        place = FileSpan(event.at.path, event.at.line)
        if opened.handler is not None and not event.at.holds(opened.handler):
            place = FileSpan(opened.handler.path, line_of(opened.handler.node))
        schemas = _schemas(self.routers.symbols, event.declared)
        for method in event.methods:
            guards = (guard for each in active if each.covers(method, path) for guard in each.sites)
            before = (*(guard for guard in guards if not _excepted(guard, path)), *event.handlers[:-1])
            yield Endpoint(
                framework, method, path, place, opened.handler, (*before, *opened.wrappers),
                schemas=schemas, lost=opened.lost,
            )  # fmt: skip


def _passes_on(handler: Site | None) -> bool:
    """Whether a function hands the request on: one that calls `next()` without an error."""
    return handler is not None and handler.node.type in FUNCTIONS and _NEXT.search(text_of(handler.node)) is not None


def _excepted(guard: Site, path: str) -> bool:
    """Whether the route is one that `except(path, middleware)` of Hono leaves out."""
    node = unwrap(guard.node)
    if node.type != "call_expression" or text_of(node.child_by_field_name("function")) != "except":
        return False
    given = arguments_of(node)
    patterns = given[0].named_children if given and given[0].type == "array" else given[:1]
    return any(covers(text, path) for item in patterns if (text := string_of(item)) is not None)


def _schemas(symbols: Symbols, declared: Site | None) -> frozenset[str]:
    """The inputs that `createRoute({ request: { body, query } })` validates, or a route of a contract of ts-rest."""
    request = symbols.member(declared, "request") if declared is not None else None
    if declared is not None and request is None and is_operation(declared):
        return schemas_of(declared)
    if not isinstance(request, Site) or request.node.type != "object":
        return frozenset()
    keys = {text_of(pair.child_by_field_name("key")) for pair in request.node.named_children if pair.type == "pair"}
    keys |= {text_of(child) for child in request.node.named_children if child.type == "shorthand_property_identifier"}
    return frozenset(_REQUEST_KEYS[key] for key in keys if key in _REQUEST_KEYS)
