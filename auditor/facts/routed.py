"""Endpoints out of routers: prefixes joined, middleware in its order, handlers taken out of their wrappers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, returned, string_of, unwrap
from auditor.facts.endpoints import Endpoint, covers, join_paths
from auditor.facts.symbols import External, Missing, Site
from auditor.facts.syntax import line_of, text_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.router_roots import RouterKey
    from auditor.facts.routers import Event, Routers
    from auditor.facts.symbols import Symbols, Target

_MAX_DEPTH = 12
_MAX_WRAPPERS = 6
_Active = list[tuple[str, tuple[Site, ...]]]  # (pattern, middleware)
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


@dataclass(slots=True)
class Flattened:
    """Walks routers from those that nothing holds down to their routes."""

    routers: Routers
    _found: list[Endpoint] = field(default_factory=list)

    def read(self) -> dict[RouterKey, list[Endpoint]]:
        """The endpoints of each router that no other one holds."""
        found = {}
        for key, router in self.routers.routers.items():
            if key not in self.routers.mounted and router.parameter is None:
                self._found = []
                self._walk(key, "", [], 0)
                found[key] = self._found
        return found

    def _walk(self, key: RouterKey, prefix: str, inherited: _Active, depth: int) -> None:
        active = list(inherited)
        for event in self._events(key) if depth < _MAX_DEPTH else ():
            path = join_paths(prefix, event.path)
            if event.kind == "use":
                active.append((path, event.handlers))
            elif event.kind == "route":
                self._found += self._routes(key, event, path, active)
            elif event.router is not None:
                below = [*active, (join_paths(path, "*"), event.handlers)] if event.handlers else active
                self._walk(event.router.key, path, below, depth + 1)

    def _events(self, key: RouterKey) -> Iterator[Event]:
        router = self.routers.routers.get(key)
        if router is not None and router.factory is not None:
            yield from self.routers.events.get((router.factory.path, router.factory.node.start_byte, None), ())
        yield from self.routers.events.get(key, ())

    def _routes(self, key: RouterKey, event: Event, path: str, active: _Active) -> Iterator[Endpoint]:
        if not event.handlers:
            return
        symbols = self.routers.symbols
        guards = [guard for pattern, sites in active if covers(pattern, path) for guard in sites]
        guards = [guard for guard in guards if not _excepted(guard, path)]
        opened = open_handler(symbols, event.handlers[-1])
        place = FileSpan(event.at.path, event.at.line)
        if opened.handler is not None and not _inside(opened.handler, event):
            place = FileSpan(opened.handler.path, line_of(opened.handler.node))
        router = self.routers.routers[key]
        endpoint = Endpoint(
            framework=router.framework,
            method="ALL",
            path=path,
            where=place,
            handler=opened.handler,
            guards=(*guards, *event.handlers[:-1], *opened.wrappers),
            schemas=_schemas(symbols, event.declared),
            lost=opened.lost,
        )
        for method in event.methods:
            yield replace(endpoint, method=method)


def _inside(handler: Site, event: Event) -> bool:
    return any(
        site.path == handler.path and site.node.start_byte <= handler.node.start_byte < site.node.end_byte
        for site in event.handlers
    )


def _excepted(guard: Site, path: str) -> bool:
    """Whether the route is one that `except(path, middleware)` of Hono leaves out."""
    node = unwrap(guard.node)
    if node.type != "call_expression" or text_of(node.child_by_field_name("function")) != "except":
        return False
    given = arguments_of(node)
    patterns = given[0].named_children if given and given[0].type == "array" else given[:1]
    return any(covers(text, path) for item in patterns if (text := string_of(item)) is not None)


def _schemas(symbols: Symbols, declared: Site | None) -> frozenset[str]:
    """The inputs that `createRoute({ request: { body, query } })` validates."""
    request = symbols.member(declared, "request") if declared is not None else None
    if not isinstance(request, Site) or request.node.type != "object":
        return frozenset()
    keys = {text_of(pair.child_by_field_name("key")) for pair in request.node.named_children if pair.type == "pair"}
    keys |= {text_of(child) for child in request.node.named_children if child.type == "shorthand_property_identifier"}
    return frozenset(_REQUEST_KEYS[key] for key in keys if key in _REQUEST_KEYS)
