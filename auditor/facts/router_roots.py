"""Where routers of Hono and Express are made, and which router an expression stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, parameters, returned, string_of, unwrap
from auditor.facts.symbols import External, Parameter, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

METHODS = {"get", "post", "put", "patch", "delete", "options", "head", "all"}
CHAINED = METHODS | {"use", "on", "route", "basePath", "openapi", "mount", "onError", "notFound", "doc"}
_HONO = {"Hono", "OpenAPIHono", "default"}
_TYPES = re.compile(r"\b(?:OpenAPIHono|Hono|Express|Router|IRouter|Application)\b")
_NAMES = re.compile(r"^(?:app|api|router|routes|server|express|hono|r)$|(?:App|Router|Routes)$")
_MAX_HOPS = 12


RouterKey = tuple[str, int, int | None]  # file, place, and the parameter where it comes in by one


@dataclass(frozen=True, slots=True)
class Router:
    """Where a router is made, or the parameter that it comes in by; `base` is the base path of this view of it."""

    root: Site
    framework: str
    base: str = ""
    parameter: int | None = None
    factory: Site | None = None

    @property
    def key(self) -> RouterKey:
        return self.root.path, self.root.node.start_byte, self.parameter


@dataclass(slots=True)
class Roots:
    """Finds the router behind an expression; remembers what it found."""

    symbols: Symbols
    _located: dict[tuple[str, int, int], Router | None] = field(default_factory=dict)

    def locate(self, path: str, node: Node, hops: int = _MAX_HOPS) -> Router | None:
        """The router that an expression stands for, with the base path that chained calls gave it."""
        chain: list[tuple[tuple[str, int, int], str]] = []
        node = unwrap(node)
        while (link := _link(node)) is not None and _key(path, node) not in self._located:
            chain.append((_key(path, node), link[1]))
            node = unwrap(link[0])
        key = _key(path, node)
        if key not in self._located:
            self._located[key] = None  # a router that is made out of itself is none
            self._located[key] = self._made_or_named(path, node, hops) if hops > 0 else None
        found = self._located[key]
        for linked, base in reversed(chain):
            found = replace(found, base=found.base + base) if found is not None and base else found
            self._located[linked] = found
        return found

    def _made_or_named(self, path: str, node: Node, hops: int) -> Router | None:
        if node.type in {"new_expression", "call_expression"}:
            return self._made(path, node, hops)
        return self._named(path, node, hops)

    def _named(self, path: str, node: Node, hops: int) -> Router | None:
        target = self.symbols.resolve(path, node)
        if isinstance(target, Parameter):
            return self._passed(target)
        if (
            isinstance(target, Site)
            and target.node != node
            and target.node.type in {"new_expression", "call_expression"}
        ):
            return self.locate(target.path, target.node, hops - 1)
        return None

    def _passed(self, parameter: Parameter) -> Router | None:
        """A router that comes in as a parameter; which one is found where the function is called."""
        if parameter.key:
            return None
        pattern = parameters(parameter.site.node)[parameter.index]
        holder = pattern.parent
        annotation = text_of(holder.child_by_field_name("type")) if holder is not None else ""
        if not (_TYPES if annotation else _NAMES).search(annotation or text_of(pattern)):
            return None
        framework = "Hono" if "Hono" in annotation else "Express"
        return Router(parameter.site, framework, parameter=parameter.index)

    def _made(self, path: str, node: Node, hops: int) -> Router | None:
        target = self.symbols.called(path, node)
        if isinstance(target, External):
            framework = _framework(target, made_new=node.type == "new_expression")
            return Router(Site(path, node), framework) if framework else None
        if isinstance(target, Site) and node.type == "call_expression":
            for value in returned(target.node):
                inner = self.locate(target.path, value, hops - 1)
                if inner is not None:
                    return Router(Site(path, node), inner.framework, inner.base, factory=inner.root)
        return None


def path_of(base: str, path: str | None) -> str:
    return "/".join(part.strip("/") for part in (base, path or "") if part.strip("/"))


def _framework(target: External, *, made_new: bool) -> str | None:
    if made_new and target.package in {"hono", "@hono/zod-openapi", "@hono/hono"} and target.name in _HONO:
        return "Hono"
    if target.package in {"hono", "@hono/hono"} and target.last == "createApp":
        return "Hono"
    if target.package in {"express", "express-promise-router"} and target.name in {"default", "*", "Router"}:
        return "Express"
    return None


def _key(path: str, node: Node) -> tuple[str, int, int]:
    return path, node.start_byte, node.end_byte


def _link(node: Node) -> tuple[Node, str] | None:
    """What a registration is chained to, and the base path that it sets; None for every other expression."""
    function = node.child_by_field_name("function") if node.type == "call_expression" else None
    if function is None or function.type != "member_expression":
        return None
    name, held = text_of(function.child_by_field_name("property")), function.child_by_field_name("object")
    given = arguments_of(node)
    if name not in CHAINED or held is None or (name in METHODS and not given):
        return None
    return held, "/" + path_of(string_of(given[0]) or "", None) if name == "basePath" and given else ""


def route_of_chain(held: Node) -> str | None:
    """The path of `router.route('/p')` that a chained `.get(…)` belongs to."""
    node = unwrap(held)
    for _ in range(_MAX_HOPS):
        link = _link(node)
        if link is None:
            return None
        given = arguments_of(node)
        if text_of(node.child_by_field_name("function")).endswith(".route") and len(given) == 1:
            return string_of(given[0])
        node = unwrap(link[0])
    return None
