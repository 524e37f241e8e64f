"""Procedures of oRPC: every one of the routers that are served, at the address of its route or of its name."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, required, returned, string_of, unwrap
from auditor.facts.builder_chains import link_of
from auditor.facts.endpoints import Endpoint, join_paths
from auditor.facts.orpc_procedures import Builders
from auditor.facts.routed import open_handler
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import line_of, nodes, text_of
from auditor.facts.units import is_test
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.orpc_procedures import Chain, Procedure
    from auditor.facts.symbols import Symbols

_SERVES = re.compile(r"^(?:RPC|OpenAPI|ORPC)Handler$")
_MAX_DEPTH = 12
Found = tuple[tuple[str, ...], "Procedure"]


@dataclass(frozen=True, slots=True)
class _Server:
    """A handler of a router: `by_route` where procedures are called by the address that they declare."""

    router: Site
    prefix: str
    by_route: bool


def find_orpc(symbols: Symbols) -> list[Endpoint]:
    """Every procedure of each router that is served; where none is found to be, of those that nothing holds."""
    files = [path for path, language in symbols.code.files.items() if language != "python" and not is_test(path)]
    files = [path for path in files if "@orpc/" in symbols.code.text(path)]
    if not files:
        return []
    reader = _Reader(symbols, Builders(symbols))
    servers = sorted(_servers(symbols, files), key=lambda each: not each.by_route)
    found: dict[tuple[str, int], Endpoint] = {}
    for server in servers:
        for keys, procedure in reader.walk(server.router):
            place = procedure.where.path, procedure.where.node.start_byte
            if place not in found and (not server.by_route or procedure.chain.path):
                found[place] = _endpoint(symbols, server, keys, procedure)
    return list(found.values()) or _unserved(symbols, reader)


@dataclass(slots=True)
class _Reader:
    symbols: Symbols
    builders: Builders

    def walk(
        self, site: Site, keys: tuple[str, ...] = (), guards: tuple[Site, ...] = (), prefix: str = ""
    ) -> Iterator[Found]:
        """(names, procedure) of everything that a router, or an object of routers, holds."""
        target = self.symbols.resolve(site.path, unwrap(site.node)) if len(keys) < _MAX_DEPTH else None
        if not isinstance(target, Site):
            return
        if target.node.type == "object":
            yield from self._entries(target, keys, guards, prefix)
        elif target.node.type == "program":
            yield from self._module(target, keys, guards, prefix)
        elif (procedure := self.builders.procedure(target)) is not None:
            yield keys, replace(procedure, chain=self._below(procedure.chain, guards, prefix))
        elif target.node.type in {"call_expression", "new_expression"}:
            yield from self._of_call(target, keys, guards, prefix)

    def _below(self, chain: Chain, guards: tuple[Site, ...], prefix: str) -> Chain:
        chain = self.builders.declared(chain)
        return replace(chain, guards=(*guards, *chain.guards), prefix=join_paths(prefix, chain.prefix))

    def _entries(self, holder: Site, keys: tuple[str, ...], guards: tuple[Site, ...], prefix: str) -> Iterator[Found]:
        for child in holder.node.named_children:
            if child.type == "spread_element" and child.named_children:
                yield from self.walk(Site(holder.path, child.named_children[0]), keys, guards, prefix)
            elif child.type == "shorthand_property_identifier":
                yield from self.walk(Site(holder.path, child), (*keys, text_of(child)), guards, prefix)
            elif (value := child.child_by_field_name("value")) is not None:
                name = text_of(child.child_by_field_name("key")).strip("\"'`")
                yield from self.walk(Site(holder.path, value), (*keys, name), guards, prefix)

    def _module(self, module: Site, keys: tuple[str, ...], guards: tuple[Site, ...], prefix: str) -> Iterator[Found]:
        """`import * as users from "./users"`, and the default of `lazy(() => import("./users"))`."""
        exports = self.symbols.module(module.path).exports
        for name in ("default",) if "default" in exports else exports:
            held = self.symbols.exported(module.path, name)
            inner = keys if name == "default" else (*keys, name)
            if isinstance(held, Site) and held.node.type not in FUNCTIONS:
                yield from self.walk(held, inner, guards, prefix)

    def _of_call(self, call: Site, keys: tuple[str, ...], guards: tuple[Site, ...], prefix: str) -> Iterator[Found]:
        """`os.use(f).prefix("/x").router({ … })`, `os.lazy(() => import("./x"))`, a function that gives a router."""
        link, given = link_of(call.node), arguments_of(call.node)
        chain = self.builders.chain(Site(call.path, link[1])) if link is not None else None
        if link is not None and chain is not None and link[0] == "router" and given:
            guards, prefix = (*guards, *chain.guards), join_paths(prefix, chain.prefix)
            yield from self.walk(Site(call.path, given[0]), keys, guards, prefix)
            return
        made = self.symbols.called(call.path, call.node)
        lazy = (chain is not None and link is not None and link[0] == "lazy") or (
            isinstance(made, External) and made.last == "lazy"
        )
        for inner in nodes(self.symbols.code.files[call.path], call.node, "call_expression") if lazy else ():
            if required(inner) is not None:
                more = chain.guards if chain is not None else ()
                yield from self.walk(Site(call.path, inner), keys, (*guards, *more), prefix)
        if isinstance(made, Site) and made.node.type in FUNCTIONS:
            for value in returned(made.node):
                yield from self.walk(Site(made.path, value), keys, guards, prefix)


def _servers(symbols: Symbols, files: list[str]) -> Iterator[_Server]:
    """The routers that `new RPCHandler(router)` and `new OpenAPIHandler(router)` answer with, and below which path."""
    for path in files:
        if "Handler" not in symbols.code.text(path):
            continue
        for node in symbols.code.nodes(path, "new_expression"):
            name = text_of(node.child_by_field_name("constructor"))
            given = arguments_of(node)
            made = symbols.called(path, node)
            if _SERVES.match(name) and given and isinstance(made, External) and made.package.startswith("@orpc/"):
                yield _Server(Site(path, given[0]), _prefix(symbols, path, node), name == "OpenAPIHandler")


def _prefix(symbols: Symbols, path: str, made: Node) -> str:
    """What `handler.handle(request, { prefix: "/rpc" })` says that all addresses begin with."""
    holder = made.parent
    name = text_of(holder.child_by_field_name("name")) if holder is not None else ""
    for where, language in symbols.code.files.items():
        text = symbols.code.text(where) if language != "python" else ""
        if "prefix" not in text or (name and name not in text and where != path):
            continue
        for call in symbols.code.nodes(where, "call_expression"):
            given = arguments_of(call)
            link = link_of(call)
            if link is None or link[0] not in {"handle", "upgrade"} or not given or given[-1].type != "object":
                continue
            target = symbols.resolve(where, link[1])
            said = property_of(given[-1], "prefix")
            if isinstance(target, Site) and target.node == made and target.path == path and said is not None:
                value = symbols.resolve(where, said)
                return string_of(value.node if isinstance(value, Site) else said) or ""
    return ""


def _endpoint(symbols: Symbols, server: _Server, keys: tuple[str, ...], procedure: Procedure) -> Endpoint:
    chain, opened = procedure.chain, open_handler(symbols, procedure.handler)
    at = procedure.where
    if opened.handler is not None and opened.handler.path != at.path:
        at = opened.handler
    path = join_paths(chain.prefix, chain.path) if server.by_route else "/".join(keys)
    return Endpoint(
        "oRPC", chain.method.upper() or "POST", join_paths(server.prefix, path), FileSpan(at.path, line_of(at.node)),
        opened.handler, (*chain.guards, *opened.wrappers), schemas=frozenset({"*"} if chain.validated else ()),
        lost=opened.lost,
    )  # fmt: skip


def _unserved(symbols: Symbols, reader: _Reader) -> list[Endpoint]:
    """The procedures of all modules, by the names that they are exported under: what serves them is not here."""
    found: dict[tuple[str, int], Endpoint] = {}
    for path, language in symbols.code.files.items():
        if language == "python" or is_test(path) or ".handler(" not in symbols.code.text(path):
            continue
        for name in symbols.module(path).exports:
            held = symbols.exported(path, name)
            if not isinstance(held, Site) or held.node.type in FUNCTIONS | {"program"}:
                continue
            server = _Server(held, "", by_route=False)
            for keys, procedure in reader.walk(held, (name,)):
                place = procedure.where.path, procedure.where.node.start_byte
                routed = replace(server, by_route=bool(procedure.chain.path))
                found.setdefault(place, _endpoint(symbols, routed, keys, procedure))
    return list(found.values())
