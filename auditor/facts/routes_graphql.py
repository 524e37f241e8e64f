"""Queries, mutations and subscriptions of GraphQL: by resolver maps, by builders, else by the schema's own text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of
from auditor.facts.endpoints import Endpoint
from auditor.facts.graphql_builders import built_fields
from auditor.facts.graphql_maps import Field, mapped_fields, typed_fields
from auditor.facts.graphql_schemas import Declared, declared_fields
from auditor.facts.graphql_shields import shield_rules
from auditor.facts.routed import open_handler
from auditor.facts.symbols import Site
from auditor.facts.syntax import line_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auditor.facts.symbols import Symbols

_SERVERS = re.compile(
    r"[\"'](?:graphql-yoga|@apollo/server|@apollo/subgraph|apollo-server[\w-]*|@graphql-tools/[\w-]+|mercurius|express-graphql"
    r"|graphql-http|graphql-modules|@envelop/core|@pothos/core|nexus|graphql-helix|graphql-shield|@as-integrations/[\w-]+"
    r"|@graphql-yoga/[\w-]+|@redwoodjs/graphql-server|@escape\.tech/graphql-armor)(?:/[\w./-]+)?[\"']"
)


def find_graphql(symbols: Symbols, paths: Iterable[str], text: Callable[[str], str | None]) -> list[Endpoint]:
    """Every field of Query, Mutation and Subscription that this repository answers."""
    files = [path for path, language in symbols.code.files.items() if language != "python"]
    if not any(_SERVERS.search(symbols.code.text(path)) for path in files):
        return []
    declared = list(declared_fields(symbols, paths, text))
    fields = list(dict.fromkeys([*mapped_fields(symbols), *typed_fields(symbols), *built_fields(symbols)]))
    rules = shield_rules(symbols)
    refusing = {(each.type, each.name): each.directive for each in declared if each.directive}
    found = [_endpoint(symbols, each, rules, refusing.get((each.type, each.name), "")) for each in fields]
    found = list({(e.method, e.path, e.where.path, e.where.line): e for e in found}.values())
    return found or list(_unanswered(declared))


def _unanswered(declared: list[Declared]) -> Iterator[Endpoint]:
    """The fields of a schema whose resolvers could not be found at all."""
    for each in declared:
        path, where = f"{each.type}.{each.name}", FileSpan(each.path, each.line)
        lost = f"resolver of {path}"
        yield Endpoint("GraphQL", each.type.upper(), path, where, gateway=each.directive, lost=lost)


def _endpoint(
    symbols: Symbols, each: Field, rules: dict[tuple[str, str], tuple[str, Site]], directive: str
) -> Endpoint:
    opened = open_handler(symbols, each.resolver)
    ruled = rules.get((each.type, each.name)) or rules.get((each.type, "*")) or rules.get(("*", "*"))
    handler, place = opened.handler, FileSpan(each.where.path, line_of(each.where.node))
    if handler is not None and handler.path != each.where.path:
        place = FileSpan(handler.path, line_of(handler.node))
    before = (*each.guards, *([ruled[1]] if ruled else []), *opened.wrappers, *_beside(symbols, each.resolver, handler))
    return Endpoint(
        "GraphQL", each.type.upper(), f"{each.type}.{each.name}", place, handler, before,
        schemas=frozenset({"*"}), gateway=each.gateway or directive or (ruled[0] if ruled else ""), lost=opened.lost,
    )  # fmt: skip


def _beside(symbols: Symbols, resolver: Site, handler: Site | None) -> Iterator[Site]:
    """The other functions of `combineResolvers(isAuthenticated, resolver)`."""
    target = symbols.resolve(resolver.path, resolver.node)
    if not isinstance(target, Site) or target.node.type != "call_expression":
        return
    for given in arguments_of(target.node):
        found = symbols.resolve(target.path, given) if given.type in {"identifier", "member_expression"} else None
        if isinstance(found, Site) and found != handler and found.node.type in FUNCTIONS | {"call_expression"}:
            yield found
