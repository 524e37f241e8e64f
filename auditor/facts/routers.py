"""Routers of Hono and Express: what is registered on each, in order, wherever the router is passed to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, string_of, unwrap
from auditor.facts.folder_routers import folder_routers, place_of_file
from auditor.facts.loaded_folders import loaded_folders
from auditor.facts.looped_paths import looped_paths
from auditor.facts.openapi_routes import declarations, described_by, described_routes, first_of
from auditor.facts.path_secrets import path_secret, written_path
from auditor.facts.route_paths import UNKNOWN, paths_of, text_at
from auditor.facts.router_chains import CHAINED, METHODS, path_of_chain
from auditor.facts.router_events import Event, place_of
from auditor.facts.router_handlers import handlers_of
from auditor.facts.router_helpers import (
    asks_for,
    calls_of,
    filled,
    handed_on_whole,
    handlers_bound,
    place_bound,
    router_bound,
    router_given,
    text_of_bound,
)
from auditor.facts.router_passing import passed_on
from auditor.facts.router_roots import Roots, Router, path_of
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of
from auditor.facts.ts_rest import served

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.route_tables import Tables
    from auditor.facts.router_events import At
    from auditor.facts.router_helpers import Bindings
    from auditor.facts.router_roots import RouterKey
    from auditor.facts.symbols import Symbols

_REGISTERS = re.compile(
    r"\.\s*(?:get|post|put|patch|del|delete|all|ws|use|on|route|register|openapi|openapiRoutes|mount|param)\s*(?:<[^()]{0,80}>)?\(|\]\([^()\n]*,"
)
_MAKES = re.compile(
    r"""\b(?:from|require\(|import\(?)\s*["'`](?:\w+:|https?://[^"'`]*/)?@?(?:express|hono|koa|next-connect)\b"""
)
_MAX_CALLS = 500


@dataclass(slots=True, weakref_slot=True)
class Routers:
    """Every router and its registrations; `mounted` are those that another one holds."""

    symbols: Symbols
    roots: Roots
    tables: Tables
    routers: dict[RouterKey, Router] = field(default_factory=dict)
    events: dict[RouterKey, list[Event]] = field(default_factory=dict)
    mounted: set[RouterKey] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)
    called: dict[Site, list[Bindings]] = field(default_factory=dict)

    def read(self) -> None:
        """Read every file that registers something, then those that pass on a router."""
        self.texts = texts = {
            path: self.symbols.code.text(path) for path, kind in self.symbols.code.files.items() if kind != "python"
        }
        if not any(_MAKES.search(text) for text in texts.values()):
            return
        self.symbols.code.watch(self.park)
        for path in (path for path, text in texts.items() if _REGISTERS.search(text)):
            # Backwards: the links of a chain begin at one place, and the shorter one is a part of the longer.
            for call in reversed(self.symbols.code.nodes(path, "call_expression")):
                self._call(path, call)
        for router, event in (*passed_on(self.roots, self.tables, texts), *served(self.roots, texts)):
            self._add(router, event)
        for router, event in list(loaded_folders(self.roots, texts, self.mounted)):
            self._add(router, event)
        for key, events in self.events.items():
            events.sort(key=lambda event: (event.at.path != key[0], event.at))

    def park(self) -> None:
        """Let go of the trees behind all that was found."""
        self.tables.forget()
        self.roots.park()
        handlers = (site for events in self.events.values() for event in events for site in event.sites)
        for site in (*(router.root for router in self.routers.values()), *handlers):
            site.park(self.symbols.code)
        for bound in (each for calls in self.called.values() for bindings in calls for each in bindings):
            bound.park(self.symbols.code)

    def _call(self, path: str, call: Node) -> None:
        function = call.child_by_field_name("function")
        held = function.child_by_field_name("object") if function is not None else None
        if function is None or held is None:
            return
        name: str | Node = text_of(function.child_by_field_name("property"))
        if function.type == "subscript_expression":
            name = function.child_by_field_name("index") or ""
        given = arguments_of(call)
        if not name or not _plausible(name, given) or self.roots.locate(path, held) is None:
            return
        if not self._by_calls(Site(path, held), name, given):
            self._each(place_of(path, call, function), held, name, given)

    def _by_calls(self, held: Site, name: str | Node, given: list[Node]) -> bool:
        """A registration of what a function is given: once for each call; false where no call is known."""
        known = isinstance(name, str)
        if len(given) <= 1 or (known and name not in METHODS | {"use"}) or (known and string_of(given[0]) is not None):
            return False
        asked = [Site(held.path, given[0]), *([] if isinstance(name, str) else [Site(held.path, name)])]
        function = asks_for(self.symbols, asked)
        found = self._calls_of(function) if function is not None else []
        for bindings in found:
            sites = [each for one in given[1:] for each in handlers_bound(self.symbols, Site(held.path, one), bindings)]
            texts = [text_of_bound(self.symbols, each, bindings) for each in asked]
            self._by_call(bindings, held, name if isinstance(name, str) else texts[1], texts[0], [asked[0], *sites])
        # A method that nobody calls registers nothing, for none of the classes that have it.
        return bool(found) or (function is not None and function.node.type == "method_definition")

    def _calls_of(self, function: Site) -> list[Bindings]:
        if function not in self.called:
            self.called[function] = list(islice(calls_of(self.symbols, function, self.texts), _MAX_CALLS))
        return self.called[function]

    def _by_call(self, bindings: Bindings, held: Site, method: str | None, path: str | None, given: list[Site]) -> None:
        router, at = router_bound(self.roots, held, bindings), place_bound(bindings)
        if router is None or method is None:
            return
        if method == "use":
            self._use(router, at, [filled(self.symbols, given[0], bindings), *given[1:]])
        elif method.lower() in METHODS:
            event = Event("route", at, path_of(router.base, path or UNKNOWN), _verbs(method.lower()))
            self._add(router, replace(event, handlers=self._handlers(given[1:])))

    def _each(self, at: At, held: Node, name: str | Node, given: list[Node]) -> None:
        """One registration; for each row where it stands in a loop over a table."""
        chained = path_of_chain(held)
        fixed = [held] if isinstance(name, str) else [held, name]
        rows = self.tables.each([Site(at.path, node) for node in (*fixed, *given)])
        if len(rows) == 1 and name in METHODS and self._looped(at, held, str(name), given):
            return
        for row in rows:
            router = self.roots.locate(row[0].path, row[0].node)
            method = name if isinstance(name, str) else text_at(self.symbols, row[1])
            if router is not None and method in CHAINED:
                self._register(router, method, at, row[len(fixed) :], chained)

    def _looped(self, at: At, held: Node, name: str, given: list[Node]) -> bool:
        """A registration whose path alone is what the loop around it gives."""
        router = self.roots.locate(at.path, held)
        if router is None:
            return False
        paths = looped_paths(self.symbols, self.tables, Site(at.path, given[0]))
        handlers = self._handlers([Site(at.path, each) for each in given[1:]]) if paths else ()
        for path in paths:
            self._add(router, Event("route", at, path_of(router.base, path), _verbs(name), handlers))
        return bool(paths)

    def _register(self, router: Router, name: str, at: At, given: list[Site], chained: Node | None) -> None:
        if name == "use":
            self._use(router, at, given)
        elif name in {"route", "mount"} and len(given) > 1:
            self._mount(router, at, given)
        elif name == "openapi" and len(given) > 1:
            self._openapi(router, at, given)
        elif name == "openapiRoutes":
            for each in described_routes(self.symbols, given[0]):
                self._openapi(router, at, [each.route, each.handler], each.before)
        elif name == "param" and len(given) > 1:
            names = paths_of(self.symbols, given[0])
            for path in names:
                self._add(router, Event("param", at, path, handlers=self._handlers(given[1:])))
        elif name in {"on", "register"} and len(given) > 2:  # noqa: PLR2004 - `on(methods, path, …)`, or path first
            place = 0 if name == "on" else 1
            methods = tuple(re.findall(r"[A-Z]+", text_of(given[place].node).upper()))
            self._route(router, methods, at, [*given[:place], *given[place + 1 :]], None)
        elif name in METHODS:
            self._route(router, _verbs(name), at, given, chained)

    def _route(self, router: Router, methods: tuple[str, ...], at: At, given: list[Site], chained: Node | None) -> None:
        if router.framework == "Koa" and len(given) > 2 and _is_path(given[1]):  # noqa: PLR2004 - name, path, handler
            given = given[1:]
        paths = paths_of(self.symbols, given[0])
        if len(given) == 1 and chained is not None:
            paths = []
        rest = given[1:] if paths else given
        if not paths and chained is not None:
            paths = paths_of(self.symbols, Site(at.path, chained))
        handlers = (*self._secret(given[0]), *self._handlers(rest)) if paths else self._handlers(rest)
        for path in paths or [""]:
            where = path_of(router.base, path)
            self._add(router, Event("route", at, where, methods, handlers, chained=chained is not None))

    def _secret(self, path: Site) -> tuple[Site, ...]:
        """A path with a secret in it stands before what it leads to, as a guard does."""
        written = written_path(self.symbols, path)
        return (written,) if written is not None and path_secret(self.symbols, written) else ()

    def _use(self, router: Router, at: At, given: list[Site]) -> None:
        paths = paths_of(self.symbols, given[0])
        handlers = self._handlers(given[1:] if paths else given)
        for path in paths or ["*"]:
            guards: list[Site] = [*self._secret(given[0])] if paths else []
            for each_site in handlers:
                place, site = self._placed(each_site, path_of(router.base, path if paths else None))
                inner = self.roots.locate(site.path, site.node)
                loaded = list(folder_routers(self.roots, site)) if inner is None else []
                for each in loaded:
                    named = place_of_file(place, each)
                    self._add(router, Event("mount", at, named, handlers=tuple(guards), router=each))
                if loaded:
                    continue
                if inner is None or (inner.parameter is not None and not inner.likely):
                    guards.append(site)
                else:
                    self._add(router, Event("mount", at, place, handlers=tuple(guards), router=inner))
            if guards:
                self._add(router, Event("use", at, path_of(router.base, path), handlers=tuple(guards)))

    def _placed(self, site: Site, place: str) -> tuple[str, Site]:
        """Where a handler is put, and the handler: `mount("/api", api)` of koa-mount says both."""
        site = handed_on_whole(site)
        given = arguments_of(site.node) if site.node.type == "call_expression" else []
        made = self.symbols.called(site.path, site.node) if given else None
        if not isinstance(made, External) or made.package != "koa-mount":
            return place, site
        below = paths_of(self.symbols, Site(site.path, given[0])) if len(given) > 1 else []
        return path_of(place, below[0] if below else None), Site(site.path, given[-1])

    def _mount(self, router: Router, at: At, given: list[Site]) -> None:
        """`app.route('/v1', sub)` and `app.mount('/old', sub.fetch)`."""
        node = unwrap(given[1].node)
        is_fetch = node.type == "member_expression" and text_of(node.child_by_field_name("property")) == "fetch"
        held = node.child_by_field_name("object") if is_fetch else node
        inner = self.roots.locate(given[1].path, held) if held is not None else None
        for path in paths_of(self.symbols, given[0]) or [""] if inner is not None else ():
            before = self._secret(given[0])
            self._add(router, Event("mount", at, path_of(router.base, path), handlers=before, router=inner))

    def _openapi(self, router: Router, at: At, given: list[Site], first: tuple[Site, ...] = ()) -> None:
        """`app.openapi(createRoute({ method, path, request, middleware }), handler)`."""
        own, asked = described_by(self.symbols, given[0])
        function = asks_for(self.symbols, asked)
        calls = self._calls_of(function) if function is not None else []
        for bindings in calls:
            outer = router_given(self.roots, router, bindings)
            parts = [filled(self.symbols, each, bindings) for each in asked]
            found = [*own, *(each for part in parts for each in declarations(self.symbols, part))]
            handlers = [each for site in given[1:2] for each in handlers_bound(self.symbols, site, bindings)]
            if outer is not None and len(found) > len(own):
                self._described(outer, place_bound(bindings), found, first, handlers)
        declared = declarations(self.symbols, given[0]) if not calls else []
        if declared:
            self._described(router, at, declared, first, given[1:2])

    def _described(
        self, router: Router, at: At, declared: list[Site], first: tuple[Site, ...], handlers: list[Site]
    ) -> None:
        method, where, middleware = (first_of(declared, key) for key in ("method", "path", "middleware"))
        methods = text_at(self.symbols, method) if method is not None else None
        place = text_at(self.symbols, where) if where is not None else None
        place = re.sub(r"\{(\w+)\}", r":\1", place or "*")
        before = self._handlers([middleware]) if middleware is not None else ()
        event = Event("route", at, path_of(router.base, place), ((methods or "all").upper(),), declared=declared[-1])
        self._add(router, replace(event, handlers=(*first, *before, *self._handlers(handlers))))

    def _handlers(self, given: list[Site]) -> tuple[Site, ...]:
        return handlers_of(self.symbols, self.texts, given)

    def _add(self, router: Router, event: Event) -> None:
        self._know(router)
        self.events.setdefault(router.key, []).append(event)
        if event.router is not None:
            self._know(event.router)
            self.mounted.add(event.router.key)

    def _know(self, router: Router) -> None:
        self.routers.setdefault(router.key, router)
        while router.factory is not None:
            router = router.factory
            self.routers.setdefault(router.key, router)
            self.mounted.add(router.key)


def _verbs(name: str) -> tuple[str, ...]:
    return ("DELETE" if name == "del" else name.upper(),)


def _is_path(site: Site) -> bool:
    return site.node.type in {"string", "template_string", "regex"}


def _plausible(name: str | Node, given: list[Node]) -> bool:
    """Whether these are the name and arguments of a registration: `map.get(key)` and `axios.get(url)` are not."""
    if not given or (isinstance(name, str) and name not in CHAINED):
        return False
    if name in METHODS and len(given) == 1:
        return unwrap(given[0]).type not in {"string", "template_string", "number", "object"}
    return True
