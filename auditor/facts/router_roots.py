"""Where routers of Hono and Express are made, and which router an expression stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import CLASSES, arguments_of, property_of, required, returned, unwrap
from auditor.facts.parameters import REST, parameters
from auditor.facts.route_paths import UNKNOWN, text_at
from auditor.facts.router_chains import link_of
from auditor.facts.router_classes import (
    THIS,
    constructors,
    kept_by,
    lineage,
    method_around,
    prefix_of,
    serves,
    taken_out,
    within,
)
from auditor.facts.symbols import External, Parameter, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_HONO_PACKAGES = {"hono", "@hono/zod-openapi", "@hono/hono"}
_HONO = {"Hono", "OpenAPIHono", "default"}
_TYPES = re.compile(r"\b(?:OpenAPIHono|Hono|Express|Router|IRouter|Application|Koa)\b")
_KOA = {"koa", "koa-router", "@koa/router", "@koajs/router", "koa-better-router"}
_MOUNTABLE = {"routes", "middleware"}  # `app.use(router.routes())` of Koa
LIKE_A_ROUTER = re.compile(r"(?:^|\.)(?:app|api|router|routes|server|express|hono|r)$|(?:App|Router|Routes|Api)$")
_OTHERS = re.compile(r"(?:Fastify|Elysia|Nest|Next|Remix|Axios|Http|Vue|Worker)\w*")
_OF_A_SERVER = {"app", "router"}
_MAX_HOPS = 12


RouterKey = tuple[str, int, str | None]  # file, place, and the parameter where it comes in by one


@dataclass(frozen=True, slots=True)
class Router:
    """Where a router is made, or the parameter that it comes in by; `base` is the base path of this view of it.

    `factory` is the router inside the function that made this one, `likely` says that a parameter is called or typed
    like a router.
    """

    root: Site
    framework: str
    base: str = ""
    parameter: str | None = None
    factory: Router | None = None
    likely: bool = True

    @property
    def key(self) -> RouterKey:
        return self.root.path, self.root.start, self.parameter


@dataclass(slots=True)
class Roots:
    """Finds the router behind an expression; remembers what it found."""

    symbols: Symbols
    classes: list[Site] = field(default_factory=list)  # of this repository, those that are routers themselves
    _located: dict[tuple[str, int, int], Router | None] = field(default_factory=dict)

    def park(self) -> None:
        """Let go of the trees behind the routers that were found."""
        for site in (*self.classes, *(each.root for each in self._located.values() if each is not None)):
            site.park(self.symbols.code)

    def locate(self, path: str, node: Node, hops: int = _MAX_HOPS) -> Router | None:
        """The router that an expression stands for, with the base path that chained calls gave it."""
        chain: list[tuple[tuple[str, int, int], Node | None]] = []
        node = unwrap(node)
        while (link := link_of(node)) is not None and _key(path, node) not in self._located:
            chain.append((_key(path, node), link[1]))
            node = unwrap(link[0])
        key = _key(path, node)
        if key not in self._located:
            self._located[key] = None  # a router that is made out of itself is none
            self._located[key] = self._made_or_named(path, node, hops) if hops > 0 else None
        found = self._located[key]
        for linked, base in reversed(chain):
            if found is not None and base is not None:
                found = replace(found, base=found.base + "/" + path_of("", text_at(self.symbols, Site(path, base))))
            self._located[linked] = found
        return found

    def _made_or_named(self, path: str, node: Node, hops: int) -> Router | None:
        if node.type in {"new_expression", "call_expression"} and required(node) is None:
            return self._made(path, node, hops)
        return self._named(path, node, hops)

    def _named(self, path: str, node: Node, hops: int) -> Router | None:
        target = self.symbols.resolve(path, node)
        if isinstance(target, Parameter):
            return self._passed(target)
        if node.type == THIS:
            return self._itself(path, node, target) if isinstance(target, Site) else None
        if target is None and node.type == "identifier" and text_of(node) in _OF_A_SERVER:
            node = taken_out(self.symbols, path, node)  # `const app = this.app`
        if target is None and node.type == "member_expression":
            return self._inherited(path, node, hops)
        if isinstance(target, External) and target.package == "express-ws":
            return self._with_sockets(path, hops)
        if (
            isinstance(target, Site)
            and target.node != node
            and target.node.type in {"new_expression", "call_expression"}
        ):
            return self.locate(target.path, target.node, hops - 1)
        return None

    def _with_sockets(self, path: str, hops: int) -> Router | None:
        """`expressWs(express()).app` is the application that was given, where the file wraps one only."""
        wrapping = {External("express-ws", "default"), External("express-ws", "*")}
        calls = self.symbols.code.nodes(path, "call_expression")
        wraps = [call for call in calls if self.symbols.called(path, call) in wrapping]
        given = arguments_of(wraps[0]) if len(wraps) == 1 else []
        return self.locate(path, given[0], hops - 1) if given else None

    def _passed(self, parameter: Parameter) -> Router | None:
        """A router that comes in as a parameter; which one is found where the function is called."""
        pattern = dict(enumerate(parameters(parameter.site.node))).get(parameter.index)
        if pattern is None or parameter.key == REST:
            return None
        holder = pattern.parent
        annotation = text_of(holder.child_by_field_name("type")) if holder is not None else ""
        named = LIKE_A_ROUTER.search(parameter.key or text_of(pattern)) and not _OTHERS.search(annotation)
        likely = named or _TYPES.search(annotation)
        framework = next((each for each in ("Hono", "Koa") if each in annotation), "Express")
        place = f"{parameter.index}.{parameter.key}"
        return Router(parameter.site, framework, parameter=place, likely=likely is not None)

    def _itself(self, path: str, node: Node, holder: Site) -> Router | None:
        """What `this` is in a method of a class that is a router."""
        classes = self._classes(holder)
        framework = _framework(classes[-1], made_new=True) if isinstance(classes[-1], External) else None
        method = method_around(node) if framework else None
        if framework is None or method is None:
            return None
        return Router(Site(path, method), framework, path_of("", prefix_of(self.symbols, classes)), parameter=THIS)

    def _inherited(self, path: str, node: Node, hops: int) -> Router | None:
        """`this.router` and `new Notes().router` where a base class makes it."""
        held = node.child_by_field_name("object")
        holder = self.symbols.resolve(path, held) if held is not None else None
        if isinstance(holder, Site) and holder.node.type == "new_expression":
            holder = self.symbols.called(holder.path, holder.node)
        if not isinstance(holder, Site) or holder.node.type not in CLASSES:
            return None
        return self.kept(holder, text_of(node.child_by_field_name("property")), hops)

    def kept(self, holder: Site, key: str, hops: int = _MAX_HOPS) -> Router | None:
        """The router that a class keeps under a name: each one that derives from a base class has its own."""
        found = kept_by(self.symbols, holder, key)
        router = self.locate(found.path, found.node, hops - 1) if found is not None and hops > 0 else None
        if found is None and key in _OF_A_SERVER and serves(self.symbols, holder):
            return Router(holder, "Express")
        if router is None or found is None or within(found, holder):
            return router
        return Router(holder, router.framework, factory=replace(router, base=""))

    def _classes(self, target: Site) -> list[Site | External]:
        found = lineage(self.symbols, target)
        if isinstance(found[-1], External) and _framework(found[-1], made_new=True):
            self.classes += [each for each in found if isinstance(each, Site) and each not in self.classes]
        return found

    def _made(self, path: str, node: Node, hops: int) -> Router | None:
        if (held := _mounted(node)) is not None:
            found = self.locate(path, held, hops - 1)
            return found if found is not None and found.framework == "Koa" else None
        target = self.symbols.called(path, node)
        if isinstance(target, Site) and node.type == "new_expression" and target.node.type in CLASSES:
            return self._of_class(Site(path, node), self._classes(target))
        if isinstance(target, External) and (target.package, target.last) == ("chanfana", "fromHono"):
            given = arguments_of(node)  # the same router, with a description
            return self.locate(path, given[0], hops - 1) if given else None
        if isinstance(target, External):
            framework = _framework(target, made_new=node.type == "new_expression")
            factory = self._initial(path, node) if framework else None
            base = self._prefix(path, node) if framework == "Koa" else ""
            return Router(Site(path, node), framework, base, factory=factory) if framework else None
        if isinstance(target, Site) and node.type == "call_expression":
            return self._returned(Site(path, node), target, hops)
        return None

    def _prefix(self, path: str, made: Node) -> str:
        """The prefix of a router of Koa: `new Router({ prefix: "/v1" })`, or `router.prefix("/v1")` below."""
        given = arguments_of(made)
        option = property_of(given[0], "prefix") if given and given[0].type == "object" else None
        if option is not None:
            return path_of("", text_at(self.symbols, Site(path, option)))
        holder = made.parent.child_by_field_name("name") if made.parent is not None else None
        name = re.escape(text_of(holder)) if holder is not None else ""
        later = re.search(rf"\b{name}\.prefix\(\s*[\"'`]([^\"'`\n]+)", self.symbols.code.text(path)) if name else None
        return path_of("", later[1]) if later else ""

    def _returned(self, call: Site, function: Site, hops: int) -> Router | None:
        """The router that a function of the repository gives back: a new one for each call, or the one it was given."""
        for value in returned(function.node):
            inner = self.locate(function.path, value, hops - 1)
            if inner is None:
                continue
            if inner.parameter is None:
                base = "" if UNKNOWN in inner.base else inner.base  # only the caller knows it
                return Router(call, inner.framework, base, factory=replace(inner, base=""))
            given = dict(enumerate(arguments_of(call.node))).get(int(inner.parameter.partition(".")[0]))
            passed = self.locate(call.path, given, hops - 1) if given is not None else None
            if passed is not None and inner.root == function:
                return passed
        return None

    def _of_class(self, made: Site, classes: list[Site | External]) -> Router | None:
        """`new NoteRouter()`: what the constructors register on `this` is registered on it."""
        framework = _framework(classes[-1], made_new=True) if isinstance(classes[-1], External) else None
        if framework is None:
            return None
        factory = None
        for maker in constructors(classes):
            factory = Router(maker, framework, parameter=THIS, factory=factory)
        own = self._prefix(made.path, made.node) if framework == "Koa" else ""
        return Router(made, framework, own or path_of("", prefix_of(self.symbols, classes)), factory=factory)

    def _initial(self, path: str, made: Node) -> Router | None:
        """The parameter of `createFactory({ initApp: (app) => … })`, where `factory.createApp()` is called."""
        called = made.child_by_field_name("function")
        held = called.child_by_field_name("object") if called is not None else None
        factory = self.symbols.resolve(path, held) if held is not None else None
        options = arguments_of(factory.node) if isinstance(factory, Site) else []
        setup = property_of(options[0], "initApp") if options and options[0].type == "object" else None
        if not isinstance(factory, Site) or setup is None:
            return None
        function = self.symbols.resolve(factory.path, setup)
        return Router(function, "Hono", parameter="0.") if isinstance(function, Site) else None


def path_of(base: str, path: str | None) -> str:
    return "/".join(part.strip("/") for part in (base, path or "") if part.strip("/"))


def _framework(target: External, *, made_new: bool) -> str | None:
    if made_new and target.package in _HONO_PACKAGES and target.name in _HONO:
        return "Hono"
    if target.package in _HONO_PACKAGES and target.last == "createApp":
        return "Hono"
    if target.package in {"express", "express-promise-router"} and target.name in {"default", "*", "Router"}:
        return "Express"
    if target.package in _KOA and target.name in {"default", "*", "Router"}:
        return "Koa"
    if target.package == "next-connect" and target.name in {"default", "createRouter", "createEdgeRouter"}:
        return "Next.js"
    return None


def _mounted(node: Node) -> Node | None:
    """The router of `router.routes()`."""
    called = node.child_by_field_name("function") if node.type == "call_expression" else None
    if called is None or called.type != "member_expression" or arguments_of(node):
        return None
    named = text_of(called.child_by_field_name("property")) in _MOUNTABLE
    return called.child_by_field_name("object") if named else None


def _key(path: str, node: Node) -> tuple[str, int, int]:
    return path, node.start_byte, node.end_byte
