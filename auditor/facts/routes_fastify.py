"""Endpoints of Fastify: routes by their plugin's prefix, with the hooks of their scope and of those around it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.autoload import autoloaded
from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, returned, string_of, unwrap
from auditor.facts.endpoints import Endpoint, Listed, join_paths
from auditor.facts.fastify_options import options_of, read_route, sites_of
from auditor.facts.fastify_plugins import names_fastify, plugin_around, takes_instance
from auditor.facts.looped_paths import looped_paths
from auditor.facts.parameters import parameters
from auditor.facts.pieces import Kept
from auditor.facts.route_paths import paths_of, text_at
from auditor.facts.route_tables import Tables
from auditor.facts.routed import open_handler
from auditor.facts.symbols import External, Parameter, Site
from auditor.facts.syntax import line_of, text_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.fastify_options import Route
    from auditor.facts.symbols import Symbols

_METHODS = {"get", "head", "post", "put", "patch", "delete", "options", "all"}
_CHAINED = _METHODS | {"withTypeProvider", "register", "after", "route", "addHook", "decorate"}
_HOOKS = {"onRequest", "preParsing", "preValidation", "preHandler"}
_REGISTERS = re.compile(r"\.\s*(?:register|addHook|decorate|route|get|post|put|patch|delete|all)\s*[(<]")
_UNSCOPED = re.compile(r"\bfp$|fastifyPlugin$|^plugin$")
_VERIFIES = re.compile(r"\.jwtVerify\s*\(")
_BY_PLUGIN = {"@fastify/bearer-auth": "bearer tokens by @fastify/bearer-auth"}
_LIMITS = re.compile(r"(?:@fastify/|fastify-)rate-limit$")
_REQUIRED = re.compile(r"^require\(\s*[\"'](?P<package>[^\"']+)[\"']\s*\)")
_MAX_DEPTH = 12
_Key = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class _Event:
    """One registration on an instance: a `route`, a `hook`, or a `plugin` with what it is given."""

    kind: str
    at: int
    sites: tuple[Site, ...] = ()
    prefix: str = ""
    route: Route | None = None
    gateway: str = ""
    limited: str = ""


@dataclass(slots=True)
class _Reader:
    """All instances with what is registered on each, and the functions that `decorate` puts on them."""

    symbols: Symbols
    kept: Kept
    found: Listed
    events: dict[_Key, list[_Event]] = field(default_factory=dict)
    roots: dict[_Key, Site] = field(default_factory=dict)
    plugins: dict[_Key, Site] = field(default_factory=dict)
    decorated: dict[str, Site] = field(default_factory=dict)
    walked: set[_Key] = field(default_factory=set)
    made: dict[_Key, tuple[int, _Key | None]] = field(default_factory=dict)

    def instance(self, path: str, node: Node, hops: int = _MAX_DEPTH) -> _Key | None:
        """The instance that an expression is: where it is made, or the plugin whose parameter it is."""
        node = _beginning(node)
        target = self.symbols.resolve(path, node) if hops > 0 else None
        if isinstance(target, Parameter):
            return self._parameter(target)
        if not isinstance(target, Site) or target.node.type != "call_expression":
            return None
        start = _beginning(target.node)
        if start != target.node:
            return self.instance(target.path, start, hops - 1)
        key = _key(target)
        asked, known = self.made.get(key, (0, None))
        if known is None and asked < hops:
            self.made[key] = hops, None  # functions that call each other give nothing new back
            self.made[key] = hops, (known := self._made(target, hops))
        return known

    def _made(self, call: Site, hops: int) -> _Key | None:
        """The instance that a call gives back."""
        made = self.symbols.called(call.path, call.node)
        if isinstance(made, External) and made.package == "fastify":
            self._root(self.roots, call)
            return _key(call)
        if isinstance(made, Site) and made.node.type in FUNCTIONS:  # `buildApp()` of the repository
            inner = (self.instance(made.path, value, hops - 1) for value in returned(made.node))
            return next((key for key in inner if key is not None), None)
        return None

    def _parameter(self, parameter: Parameter) -> _Key | None:
        if parameter.index or parameter.key:
            return None
        function, pattern = parameter.site.node, parameters(parameter.site.node)[0]
        holder = pattern.parent
        annotation = text_of(holder.child_by_field_name("type")) if holder is not None else ""
        if not takes_instance(function, text_of(pattern), annotation, self.symbols.code.text(parameter.site.path)):
            return None
        self._root(self.plugins, parameter.site)
        return _key(parameter.site)

    def _root(self, known: dict[_Key, Site], site: Site) -> None:
        if _key(site) not in known:
            known[_key(site)] = site
            self.kept.append(site)

    def _add(self, key: _Key, event: _Event) -> None:
        self.events.setdefault(key, []).append(event)
        self.kept.extend((*event.sites, *(event.route.sites if event.route is not None else ())))

    def read(self, path: str) -> None:
        for call in reversed(self.symbols.code.nodes(path, "call_expression")):
            function = call.child_by_field_name("function")
            held = function.child_by_field_name("object") if function is not None else None
            given = arguments_of(call)
            if function is None or not given:
                continue
            name = text_of(function.child_by_field_name("property")) if held is not None else ""
            if held is not None and name in _METHODS | {"route", "addHook", "register", "decorate"}:
                key = self.instance(path, held)
                if key is not None and name == "register" and (plugin := plugin_around(call)) is not None:
                    key = _key(Site(path, plugin))  # whichever instance is named, the plugin that is loading gets it
                for event in self._events(Site(path, call), name, given) if key is not None else ():
                    self._add(key or ("", 0, 0), event)
            elif function.type == "identifier" and given[0].type == "identifier":
                self._handed_over(Site(path, call), given)

    def _handed_over(self, call: Site, given: list[Node]) -> None:
        """`registerRoutes(app)`: what the function registers is registered here."""
        function = self.symbols.called(call.path, call.node)
        if isinstance(function, Site) and function.node.type in FUNCTIONS and parameters(function.node):
            key = self.instance(call.path, given[0])
            if key is not None and key != _key(function):
                self._add(key, _Event("same", call.node.start_byte, (function,)))

    def _events(self, call: Site, name: str, given: list[Node]) -> Iterator[_Event]:
        at, path = call.node.start_byte, call.path
        if name == "decorate" and len(given) > 1:
            target = self.symbols.resolve(path, given[1])
            if isinstance(target, Site):
                self.decorated[string_of(given[0]) or ""] = target
                self.kept.append(target)
        elif name == "addHook" and len(given) > 1 and string_of(given[0]) in _HOOKS:
            yield _Event("hook", at, tuple(sites_of(self.symbols, Site(path, given[1]))))
        elif name == "register":
            yield from self._registered(call, given)
        elif name == "route" or (name in _METHODS and len(given) > 1):
            route = read_route(self.symbols, path, name, given)
            if route is not None:
                yield _Event("route", at, route=route)

    def _registered(self, call: Site, given: list[Node]) -> Iterator[_Event]:
        at, path = call.node.start_byte, call.path
        options = options_of(self.symbols, Site(path, given[1])) if len(given) > 1 else None
        prefix = property_of(options.node, "prefix") if options is not None else None
        known = options is not None and prefix is not None
        written = text_at(self.symbols, Site(options.path, prefix)) if options and prefix and known else ""
        target = self.symbols.resolve(path, given[0])
        package = target.package if isinstance(target, External) else _required(given[0])
        if _LIMITS.match(package):
            for_all = options is None or text_of(property_of(options.node, "global")) != "false"
            yield _Event("hook", at, limited=package if for_all else "")
        elif isinstance(target, External) and target.package in {"@fastify/autoload", "fastify-autoload"}:
            for each in autoloaded(self.symbols, options) if options is not None else ():
                place = join_paths(written or "", each.prefix)
                yield _Event("plugin", at, (each.plugin, *each.hooks), place)
        elif isinstance(target, External) and target.package in _BY_PLUGIN:
            yield _Event("hook", at, gateway=_BY_PLUGIN[target.package])
        elif isinstance(target, Site):
            yield _Event("plugin", at, (target,), written if written is not None else ":value")

    def function_of(self, site: Site, depth: int = _MAX_DEPTH) -> tuple[Site | None, bool]:
        """(function, whether it has a scope of its own) of a plugin; `fp(function)` has none."""
        target = self.symbols.resolve(site.path, site.node) if depth > 0 else None
        if not isinstance(target, Site):
            return None, True
        if target.node.type in FUNCTIONS:
            return target, True
        if target.node.type == "program":
            found = self.symbols.exported(target.path, "default")
            return self.function_of(found, depth - 1) if isinstance(found, Site) else (None, True)
        given = arguments_of(target.node) if target.node.type == "call_expression" else []
        made = self.symbols.called(target.path, target.node) if given else None
        if not isinstance(made, External):
            return None, True
        opens = made.package == "fastify-plugin" or _UNSCOPED.search(made.name) is not None
        return self.function_of(Site(target.path, given[0]), depth - 1)[0], not opens

    def walk(self, key: _Key, prefix: str, before: tuple[_Event, ...], depth: int = _MAX_DEPTH) -> None:
        """The routes of a scope: every hook of the scope stands before them, whichever was registered first."""
        self.walked.add(key)
        events = self._opened(key, depth)
        hooks = [event for event in events if event.kind == "hook"]
        for event in events if depth > 0 else ():
            if event.route is not None:
                self._endpoints(event.route, join_paths(prefix, event.prefix), (*before, *hooks))
            elif event.kind == "plugin":
                function, _ = self.function_of(event.sites[0])
                passed = list(hooks)  # those that are added later are handed down as well
                for hooks_file in event.sites[1:]:
                    held, _ = self.function_of(hooks_file)
                    passed += (
                        [each for each in self._opened(_key(held), depth - 1) if each.kind == "hook"] if held else []
                    )
                    self.walked.update([_key(held)] if held else [])
                if function is not None:
                    self.walk(_key(function), join_paths(prefix, event.prefix), (*before, *passed), depth - 1)

    def _opened(self, key: _Key, depth: int) -> list[_Event]:
        """The registrations of a scope in their order; of plugins without a scope theirs instead."""
        found: list[_Event] = []
        for event in sorted(self.events.get(key, ()), key=lambda event: event.at):
            function, scoped = self.function_of(event.sites[0]) if event.kind in {"plugin", "same"} else (None, True)
            if function is None or (scoped and event.kind == "plugin") or depth <= 0:
                found.append(event)
            else:
                self.walked.add(_key(function))
                found += self._opened(_key(function), depth - 1)
        return found

    def _endpoints(self, route: Route, prefix: str, hooks: tuple[_Event, ...]) -> None:
        guards = [self._meant(site) for event in hooks for site in event.sites]
        guards += [self._meant(site) for site in route.guards]
        gateway = next((event.gateway for event in hooks if event.gateway), "") or self._verified(guards)
        limited = next((event.limited for event in hooks if event.limited), "") if route.limited is None else ""
        limited = "rateLimit of its config" if route.limited else limited
        opened = open_handler(self.symbols, route.handler)
        place = FileSpan(route.where.path, line_of(route.where.node))
        handler = opened.handler
        if handler is not None and not _within(handler, route.where):
            place = FileSpan(handler.path, line_of(handler.node))
        looped = looped_paths(self.symbols, Tables(self.symbols), route.url)
        for path in looped or paths_of(self.symbols, route.url) or [":value"]:
            for method in route.methods:
                self.found.append(Endpoint(
                    "Fastify", method, join_paths(prefix, path), place, handler, (*guards, *opened.wrappers),
                    schemas=route.schemas, gateway=gateway, lost=opened.lost, limited=limited,
                ))  # fmt: skip

    def _meant(self, site: Site) -> Site:
        """The function that `decorate` has put behind `fastify.authenticate`, or a name taken out of the instance."""
        node = unwrap(site.node)
        name = text_of(node.child_by_field_name("property")) if node.type == "member_expression" else ""
        if node.type == "identifier" and not isinstance(self.symbols.resolve(site.path, node), Site):
            name = text_of(node)
        return self.decorated.get(name, site)

    def _verified(self, guards: list[Site]) -> str:
        """`request.jwtVerify()` throws by itself, and what catches the error answers with it."""
        bodies = (self.symbols.resolve(site.path, site.node) or site for site in guards)
        found = any(isinstance(body, Site) and _VERIFIES.search(text_of(body.node)) for body in bodies)
        return "verifies a token (jwtVerify of @fastify/jwt)" if found else ""


def find_fastify(symbols: Symbols) -> list[Endpoint]:
    """Every route of every instance; plugins that nothing was seen to register stand by themselves."""
    files = [path for path, language in symbols.code.files.items() if language != "python"]
    if not any(names_fastify(symbols.code.text(path)) for path in files):
        return []
    reader = _Reader(symbols, Kept(symbols.code), Listed(symbols.code))
    for path in files:
        text = symbols.code.text(path)
        if _REGISTERS.search(text) or names_fastify(text):  # else it may still hand an instance over
            reader.read(path)
    for key in reader.roots:
        reader.walk(key, "", ())
    for key in reader.plugins:
        if key not in reader.walked:
            reader.walk(key, "", ())
    return list(dict.fromkeys(reader.found))


def _required(node: Node) -> str:
    """The package of `require("x")` where it is registered, also of `require("x").default`."""
    found = _REQUIRED.match(text_of(node))
    return found["package"] if found else ""


def _beginning(node: Node) -> Node:
    """The instance behind `app.withTypeProvider().after()`."""
    node = unwrap(node)
    while node.type == "call_expression":
        function = node.child_by_field_name("function")
        held = function.child_by_field_name("object") if function is not None else None
        name = text_of(function.child_by_field_name("property")) if function is not None and held is not None else ""
        if held is None or name not in _CHAINED:
            break
        node = unwrap(held)
    return node


def _within(inner: Site, outer: Site) -> bool:
    around = outer.node.parent.parent if outer.node.parent is not None else None
    inside = around is not None and around.end_byte >= inner.node.end_byte > outer.node.start_byte
    return inner.path == outer.path and inside


def _key(site: Site) -> _Key:
    return site.path, *site.span
