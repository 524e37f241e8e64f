"""Endpoints of Next.js: route handlers, the pages router's API, server actions, and the middleware before them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, Import, arguments_of, property_of, string_of
from auditor.facts.endpoints import Endpoint, Listed
from auditor.facts.page_methods import otherwise_answers, stated_methods
from auditor.facts.parameters import parameters
from auditor.facts.route_servers import router_behind
from auditor.facts.routed import open_target
from auditor.facts.symbols import Site
from auditor.facts.syntax import enclosing_function, line_of, nodes, text_of
from auditor.facts.units import unit_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.router_roots import Roots, RouterKey
    from auditor.facts.symbols import Symbols, Target
    from auditor.facts.units import UnitFacts

_ROUTE = re.compile(r"(?:src/)?app/(?P<path>(?:.*/)?)route\.[jt]sx?")
_PAGE = re.compile(r"(?:src/)?pages/(?P<path>api/.*|api)\.[jt]sx?")
_MIDDLEWARE = re.compile(r"(?P<root>src/|)(?:middleware|proxy)\.[jt]s")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_ASKED = re.compile(
    r"\bmethod\s*(?:===?|!==?)\s*(?:[\"'`]|\w+\.)(GET|POST|PUT|PATCH|DELETE)\b|\bcase\s+[\"'`](GET|POST|PUT|PATCH|DELETE)\b"
    r"|[\"'`](GET|POST|PUT|PATCH|DELETE)[\"'`]\s*[!=]==?\s*[\w.]*\bmethod\b"
)
_FROM = re.compile(r"""(?:from|import\()\s*["']([^"'\n]+)["']""")
_GROUP = r"\((?:[^()]|\([^()]*\))*\)"
_TOKEN = re.compile(rf"/:(?P<name>\w+)(?P<own>{_GROUP})?(?P<many>[*+?]?)|{_GROUP}[*+?]?|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Middleware:
    site: Site
    patterns: tuple[re.Pattern[str], ...]

    def covers(self, path: str) -> bool:
        return not self.patterns or any(pattern.fullmatch(path) for pattern in self.patterns)


def find_next(
    symbols: Symbols, roots: Roots, routed: dict[RouterKey, list[Endpoint]], units: tuple[UnitFacts, ...]
) -> list[Endpoint]:
    """Every endpoint of the units that depend on `next`; those that a router inside answers are the router's."""
    known = {unit.path for unit in units}
    ours = {unit.path for unit in units if "Next.js" in unit.stack} | ({"."} - known)  # without manifests, by the paths
    before: dict[tuple[str, str], list[_Middleware]] = {}
    found, files = Listed(symbols.code), list[str]()
    for path, language in symbols.code.files.items():
        unit = unit_of(path, units) if language != "python" else ""
        if unit not in ours:
            continue
        inner = path if unit == "." else path.removeprefix(unit + "/")
        if match := _ROUTE.fullmatch(inner):
            found.extend(replace(e, unit=unit) for e in _handlers(symbols, roots, path, _url(match["path"])))
        elif match := _PAGE.fullmatch(inner):
            found.extend(replace(e, unit=unit) for e in _page(symbols, roots, routed, path, _url(match["path"])))
        elif match := _MIDDLEWARE.fullmatch(inner):
            before.setdefault((unit, match["root"]), []).extend(_middleware(symbols, path))
        if "use server" in symbols.code.text(path):
            found.extend(replace(e, unit=unit) for e in _actions(symbols, path))
        files += [path] * (len(found) - len(files))
    shown = _shown(symbols, {e.where.path for e in found if e.method == "ACTION"})
    pairs = zip(files, found, strict=True)
    return [_behind(path, replace(e, shown=_is_shown(e, shown)), before) for path, e in pairs]


def _shown(symbols: Symbols, actions: set[str]) -> set[tuple[str, str]]:
    """(file, name) of the actions that components import: only those get an address of their own."""
    found = set()
    for path in symbols.code.files:
        text = symbols.code.text(path)
        if not actions or not (path.endswith(("x", ".js")) or "use client" in text[:200]):
            continue
        specifiers = {match[1] for match in _FROM.finditer(text)}
        if any(symbols.specifiers.resolve(path, specifier) in actions for specifier in specifiers):
            names = symbols.module(path).names.values()
            imports = (what for what in names if isinstance(what, Import))
            found |= {(symbols.specifiers.resolve(path, what.specifier) or "", what.name) for what in imports}
    return found


def _is_shown(endpoint: Endpoint, shown: set[tuple[str, str]]) -> bool:
    path, _, name = endpoint.path.partition("#")
    return endpoint.method != "ACTION" or path.endswith("x") or bool({(path, name), (path, "*")} & shown)


def methods_asked(text: str) -> list[str]:
    """The methods that a handler of all tells apart; `ALL` where it tells none apart."""
    found = {match[1] or match[2] or match[3] for match in _ASKED.finditer(text)}
    return sorted(found) or ["ALL"]


def _url(folders: str) -> str:
    """The URL path of `api/(group)/@slot/[id]/`: groups and slots are no part of it."""
    parts = [part for part in folders.split("/") if part and not re.match(r"\(.*\)$|@", part)]
    parts = parts[:-1] if parts and parts[-1] == "index" else parts
    return "/" + "/".join(parts)


def _handlers(symbols: Symbols, roots: Roots, path: str, url: str) -> Iterator[Endpoint]:
    module = symbols.module(path)
    for method in _METHODS:
        if method in module.exports or module.stars:
            target = symbols.exported(path, method)
            if (target is not None or method in module.exports) and router_behind(roots, target) is None:
                yield _endpoint(
                    symbols, path, target, Endpoint("Next.js", method, url, _export_line(symbols, path, method))
                )


def _export_line(symbols: Symbols, path: str, name: str) -> FileSpan:
    pattern = re.compile(rf"\bexport\b.*\b{name}\b")
    for number, line in enumerate(symbols.code.text(path).split("\n"), 1):
        if pattern.search(line):
            return FileSpan(path, number)
    return FileSpan(path, 1)


def _endpoint(symbols: Symbols, path: str, target: Target | None, endpoint: Endpoint) -> Endpoint:
    opened = open_target(symbols, target, endpoint.method)
    place = endpoint.where
    if isinstance(target, Site) and target.path == path:
        place = FileSpan(path, line_of(target.node))
    elif opened.handler is not None and opened.handler.path != path:
        place = FileSpan(opened.handler.path, line_of(opened.handler.node))
    return replace(endpoint, where=place, handler=opened.handler, guards=opened.wrappers, lost=opened.lost)


def _page(
    symbols: Symbols, roots: Roots, routed: dict[RouterKey, list[Endpoint]], path: str, url: str
) -> Iterator[Endpoint]:
    target = symbols.exported(path, "default")
    if target is None:
        return
    router = router_behind(roots, target)
    if router is not None:  # `next-connect` tells methods apart; other routers see the whole path and are listed anyway
        yield from (replace(e, path=url) for e in routed.get(router.key, ()) if router.framework == "Next.js")
        return
    table = list(_by_method(symbols, target))
    for method, value, wrapper in table:
        known = Endpoint("Next.js", method, url, FileSpan(value.path, line_of(value.node)))
        found = _endpoint(symbols, path, symbols.resolve(value.path, value.node), known)
        yield replace(found, guards=(wrapper, *found.guards))
    if table:
        return
    endpoint = _endpoint(symbols, path, target, Endpoint("Next.js", "ALL", url, FileSpan(path, 1)))
    methods = methods_asked(symbols.code.text(path))
    if methods == ["ALL"] and endpoint.handler is not None and endpoint.handler.path != path:
        methods = methods_asked(text_of(endpoint.handler.node))
    if methods != ["ALL"] and endpoint.handler is not None and otherwise_answers(symbols, endpoint.handler):
        methods = sorted({*methods, "GET"})
    for method in stated_methods(target, _METHODS) or methods:
        yield replace(endpoint, method=method)


def _by_method(symbols: Symbols, target: Target) -> Iterator[tuple[str, Site, Site]]:
    """(method, handler, wrapper) of each entry of `withMiddlewares({ GET: …, POST: … })`, also inside a handler that
    hands the request to such a call: `answer(req, res, { GET: … })`.
    """
    if not isinstance(target, Site):
        return
    if target.node.type == "call_expression":
        wrapper = Site(target.path, target.node.child_by_field_name("function") or target.node)
        tables = [symbols.resolve(target.path, given) for given in arguments_of(target.node)]
    else:
        wrapper, tables = target, [Site(target.path, each) for each in _handed_table(symbols, target)]
    for held in tables:
        if isinstance(held, Site) and held.node.type == "object":
            for method in _METHODS:
                if (value := property_of(held.node, method)) is not None:
                    yield method, Site(held.path, value), wrapper


def _handed_table(symbols: Symbols, function: Site) -> Iterator[Node]:
    """The object of methods alone that a handler gives to a call beside the request."""
    if function.node.type not in FUNCTIONS or not (own := parameters(function.node)):
        return
    for call in nodes(symbols.code.files[function.path], function.node, "call_expression"):
        given = arguments_of(call)
        if len(given) > 1 and text_of(given[0]) == text_of(own[0]) and given[-1].type == "object":
            keys = [text_of(each.child_by_field_name("key") or each) for each in given[-1].named_children]
            if keys and set(keys) <= set(_METHODS):
                yield given[-1]


def _actions(symbols: Symbols, path: str) -> Iterator[Endpoint]:
    module = symbols.module(path)
    if module.server_actions:
        for name in module.exports:
            target = symbols.exported(path, name)
            if isinstance(target, Site) and target.node.type in FUNCTIONS | {"call_expression"}:
                yield _endpoint(symbols, path, target, _action(path, name, line_of(target.node)))
        return
    for node in symbols.code.nodes(path, *FUNCTIONS):
        body = node.child_by_field_name("body")
        first = body.named_children[0] if body is not None and body.named_children else None
        if first is not None and text_of(first).strip("\"'`;") == "use server":
            name = text_of(node.child_by_field_name("name")) or enclosing_function(body or node)
            yield replace(_action(path, name, line_of(node)), handler=Site(path, node))


def _action(path: str, name: str, line: int) -> Endpoint:
    return Endpoint("Next.js", "ACTION", f"{path}#{name}", FileSpan(path, line))


def _middleware(symbols: Symbols, path: str) -> Iterator[_Middleware]:
    for name in ("middleware", "proxy", "default"):
        if name not in symbols.module(path).exports:
            continue
        target = symbols.exported(path, name)
        config = symbols.exported(path, "config")
        matcher = symbols.member(config, "matcher") if isinstance(config, Site) else None
        if isinstance(target, Site):
            yield _Middleware(target, tuple(_patterns(matcher)))


def _patterns(matcher: Target | None) -> Iterator[re.Pattern[str]]:
    if not isinstance(matcher, Site):
        return
    listed = matcher.node.named_children if matcher.node.type == "array" else [matcher.node]
    for item in listed:
        source = property_of(item, "source") if item.type == "object" else item
        if (text := string_of(source)) is not None:
            yield _pattern(text.replace("\\\\", "\\"))


def _pattern(matcher: str) -> re.Pattern[str]:
    """A matcher as a regular expression; one that cannot be read as such covers everything."""
    written = (_piece(match) for match in _TOKEN.finditer(matcher))
    try:
        return re.compile("".join(written))
    except re.error:
        return re.compile(".*")


def _piece(match: re.Match[str]) -> str:
    """`/:path*` is any number of parts, none too; `/:id` is one; a group is a regular expression already."""
    if not match["name"]:
        return match[0] if match[0].startswith("(") else re.escape(match[0])
    one = match["own"] or "[^/]+"
    return {"*": f"(?:/{one})*", "+": f"(?:/{one})+", "?": f"(?:/{one})?"}.get(match["many"], f"/{one}")


def _behind(path: str, endpoint: Endpoint, before: dict[tuple[str, str], list[_Middleware]]) -> Endpoint:
    """With the middleware that stands beside the endpoint's `app` or `pages` folder."""
    if endpoint.method == "ACTION":
        return endpoint  # a page's path, whichever shows it: the middleware may not run
    unit = "" if endpoint.unit == "." else endpoint.unit + "/"
    root = "src/" if path.startswith(unit + "src/") else ""
    found = (each.site for each in before.get((endpoint.unit, root), ()) if each.covers(endpoint.path))
    return replace(endpoint, middleware=tuple(found))
