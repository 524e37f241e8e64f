"""What a route of Fastify is declared with: `app.get(url, options, handler)` and `app.route({ … })`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, property_of, string_of, unwrap
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_BEFORE = ("onRequest", "preParsing", "preValidation", "preHandler")
_INPUTS = {"body": "json", "querystring": "query", "query": "query", "params": "param", "headers": "header"}
_MAX_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Route:
    """One route as it is written; `where` is the node whose line is reported."""

    methods: tuple[str, ...]
    url: Site
    where: Site
    handler: Site
    guards: tuple[Site, ...] = ()
    schemas: frozenset[str] = frozenset()
    limited: bool | None = None  # by its own `config`, which says that it is, or that it is not

    @property
    def sites(self) -> tuple[Site, ...]:
        return (self.url, self.where, self.handler, *self.guards)


def options_of(symbols: Symbols, site: Site) -> Site | None:
    """An object of options, written in place or elsewhere."""
    target = symbols.resolve(site.path, site.node)
    return target if isinstance(target, Site) and target.node.type == "object" else None


def sites_of(symbols: Symbols, site: Site, depth: int = _MAX_DEPTH) -> Iterator[Site]:
    """The functions of a hook: arrays are taken apart, so is `fastify.auth([a, b])`."""
    node = unwrap(site.node)
    target = symbols.resolve(site.path, node) if node.type in {"identifier", "member_expression"} else None
    if isinstance(target, Site) and target.node.type == "array":
        site, node = target, target.node
    function = node.child_by_field_name("function") if node.type == "call_expression" else None
    if function is not None and text_of(function).endswith(".auth") and arguments_of(node):
        yield from sites_of(symbols, Site(site.path, arguments_of(node)[0]), depth - 1)
    elif node.type == "array" and depth > 0:
        for child in node.named_children:
            if child.type != "comment":
                yield from sites_of(symbols, Site(site.path, child), depth - 1)
    else:
        yield Site(site.path, node)


def read_route(symbols: Symbols, path: str, name: str, given: list[Node]) -> Route | None:
    """A route out of the arguments of `.get(…)` or `.route({ … })`; None for other calls of these names."""
    whole = options_of(symbols, Site(path, given[0])) if name == "route" else None
    if name == "route":
        return _whole(symbols, path, given, whole) if whole is not None else None
    options = options_of(symbols, Site(path, given[1]))
    handler = Site(path, given[-1]) if len(given) > 2 else None  # noqa: PLR2004 - url, options, handler
    if handler is None and options is not None:
        handler = _property(symbols, options, "handler")
    if handler is None:
        handler = Site(path, given[1])
    call = given[0].parent.parent if given[0].parent is not None else None
    function = call.child_by_field_name("function") if call is not None else None
    where = function.child_by_field_name("property") if function is not None else None
    return Route(
        (name.upper(),), Site(path, given[0]), Site(path, where or given[0]), handler,
        tuple(_guards(symbols, options)), _schemas(symbols, options), _limited(symbols, options),
    )  # fmt: skip


def _whole(symbols: Symbols, path: str, given: list[Node], options: Site) -> Route | None:
    url = _property(symbols, options, "url") or _property(symbols, options, "path")
    handler, method = _property(symbols, options, "handler"), _property(symbols, options, "method")
    if url is None or handler is None or method is None:
        return None
    listed = method.node.named_children if method.node.type == "array" else [method.node]
    methods = tuple(text.upper() for item in listed if (text := string_of(item)) is not None) or ("ALL",)
    where = Site(path, given[0]) if options.path == path else options
    guards, limited = tuple(_guards(symbols, options)), _limited(symbols, options)
    return Route(methods, url, where, handler, guards, _schemas(symbols, options), limited)


def _limited(symbols: Symbols, options: Site | None) -> bool | None:
    """What `config: { rateLimit: { max: 3 } }` says of a route; None where it says nothing."""
    config = _property(symbols, options, "config") if options is not None else None
    held = options_of(symbols, config) if config is not None else None
    limit = _property(symbols, held, "rateLimit") if held is not None else None
    return text_of(limit.node) != "false" if limit is not None else None


def _property(symbols: Symbols, options: Site, key: str, depth: int = _MAX_DEPTH) -> Site | None:
    """A property, of an object that is spread into this one too."""
    value = property_of(options.node, key)
    if value is not None:
        return Site(options.path, value)
    for child in options.node.named_children if depth > 0 else ():
        if child.type != "spread_element":
            continue
        inner = options_of(symbols, Site(options.path, child.named_children[0]))
        found = _property(symbols, inner, key, depth - 1) if inner is not None else None
        if found is not None:
            return found
    return None


def _guards(symbols: Symbols, options: Site | None) -> Iterator[Site]:
    for name in _BEFORE if options is not None else ():
        site = _property(symbols, options, name) if options is not None else None
        if site is not None:
            yield from sites_of(symbols, site)


def _schemas(symbols: Symbols, options: Site | None) -> frozenset[str]:
    """The inputs that `schema` describes; a schema from outside is taken to describe them all."""
    schema = _property(symbols, options, "schema") if options is not None else None
    if schema is None:
        return frozenset()
    held = options_of(symbols, schema)
    if held is None:
        return frozenset({"*"})
    spread = any(
        child.type == "spread_element" and options_of(symbols, Site(held.path, child.named_children[0])) is None
        for child in held.node.named_children
    )
    named = frozenset(kind for key, kind in _INPUTS.items() if _property(symbols, held, key) is not None)
    return named | ({"*"} if spread else frozenset())
