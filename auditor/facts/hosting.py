"""HTTP handlers that only host tRPC, oRPC or GraphQL: what they host stands in the inventory in their stead."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.reach import Reacher
    from auditor.facts.symbols import Symbols

_HOSTS = {
    "tRPC": re.compile(
        r"@trpc/server(?:/[\w/-]+)?: .*(?:Handler|Middleware|Server|Plugin)\w*(?:\(\))?$|@hono/trpc-server: "
        r"|trpc-(?:to-)?openapi: |trpc-swagger: "
    ),
    "oRPC": re.compile(
        r"@orpc/(?:server|openapi)(?:/[\w/-]+)?: (?:RPC|OpenAPI|ORPC)Handler(?:\(\))?(?:\.\w+)?$|@orpc/server/next: "
    ),
    "GraphQL": re.compile(
        r"(?:graphql-yoga|@graphql-yoga/[\w-]+): |@as-integrations/[\w-]+: |@apollo/server(?:/[\w/-]+)?: "
        r"|apollo-server[\w-]*: |express-graphql: |graphql-http(?:/[\w/-]+)?: |@hono/graphql-server: |graphql-helix: "
        r"|@redwoodjs/graphql-server: "
    ),
}
HOST = (
    "USE"  # the method of what hosts others and is no endpoint itself: `app.use("/graphql", expressMiddleware(server))`
)
_MENTIONS = ("rpc", "openapi", "graphql", "yoga", "apollo")
_DENIES = re.compile(
    r"\bthrow\b[^;]{0,200}(?:unauth|\b401\b|AuthenticationError|not (?:logged|signed) in)", re.IGNORECASE
)
_CONTEXT = re.compile(r"\bcontext\b|\bcreateContext\b")


def with_hosted(reacher: Reacher, listed: list[Endpoint], hosted: list[Endpoint]) -> list[Endpoint]:
    """All endpoints without the hosts; what stands in front of every host stands in front of what it hosts."""
    kinds = {endpoint.framework for endpoint in hosted} & set(_HOSTS)
    if not kinds:
        return [*(each for each in listed if each.method != HOST), *hosted]
    kept: list[Endpoint] = []
    before: dict[str, list[tuple[Site, ...]]] = {}
    for endpoint in listed:
        kind = _hosts(reacher, endpoint)
        if kind in kinds:
            before.setdefault(kind, []).append(endpoint.guards)
        elif endpoint.method != HOST:
            kept.append(endpoint)
    shared = {kind: _shared(before.get(kind, [()])) + _context(reacher.symbols, kind) for kind in kinds}
    return [*kept, *(replace(each, guards=(*shared.get(each.framework, ()), *each.guards)) for each in hosted)]


def _shared(found: list[tuple[Site, ...]]) -> tuple[Site, ...]:
    return tuple(site for site in found[0] if all(site in guards for guards in found))


def _hosts(reacher: Reacher, endpoint: Endpoint) -> str:
    """The framework that answers behind a handler; empty for a handler with an answer of its own."""
    text = reacher.symbols.code.text(endpoint.where.path) or ""
    if not _mentions(endpoint.path + endpoint.lost + text):
        return ""
    calls = reacher.reach(endpoint.handler, 2).calls if endpoint.handler is not None else []
    named = [endpoint.lost, *(f"{c.target.package}: {c.target.name}" for c in calls if isinstance(c.target, External))]
    found = (kind for kind, pattern in _HOSTS.items() if any(pattern.match(name) for name in named))
    return next(found, "")


def is_host(named: str) -> bool:
    """Whether `package: name` is what makes a handler out of a server."""
    return any(pattern.match(named) for pattern in _HOSTS.values())


def _mentions(text: str) -> bool:
    folded = text.lower()
    return any(word in folded for word in _MENTIONS)


def _context(symbols: Symbols, kind: str) -> tuple[Site, ...]:
    """The functions that make a request's context, where they refuse callers whom they do not know."""
    found = dict.fromkeys(_contexts(symbols, _HOSTS[kind]))
    return tuple(site for site in found if _DENIES.search(text_of(site.node)))


def _contexts(symbols: Symbols, pattern: re.Pattern[str]) -> Iterator[Site]:
    for path, language in symbols.code.files.items():
        text = symbols.code.text(path) if language != "python" else ""
        if not _mentions(text) or not _CONTEXT.search(text):
            continue
        for call in symbols.code.nodes(path, "call_expression", "new_expression"):
            value = _value(call)
            made = symbols.called(path, call) if value is not None else None
            if value is None or not isinstance(made, External) or not pattern.match(f"{made.package}: {made.name}"):
                continue
            target = symbols.resolve(path, value)
            if isinstance(target, Site) and target.node.type in FUNCTIONS:
                yield target


def _value(call: Node) -> Node | None:
    """What a call's options give as `context` or `createContext`."""
    for given in arguments_of(call):
        if given.type == "object":
            return property_of(given, "context") or property_of(given, "createContext")
    return None
