"""Queries, mutations and subscriptions of GraphQL: by resolver maps, by builders, else by the schema's own text."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of
from auditor.facts.endpoints import Endpoint, Listed
from auditor.facts.graphql_builders import built_fields
from auditor.facts.graphql_groups import ROOTS
from auditor.facts.graphql_maps import Field, Groups, mapped_fields, typed_fields
from auditor.facts.graphql_objects import object_fields
from auditor.facts.graphql_schemas import Declared, declared_fields, groups_of, schema_types
from auditor.facts.graphql_shields import shield_rules
from auditor.facts.pieces import Kept
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

_NOBODY = "resolver of "


def find_graphql(symbols: Symbols, paths: Iterable[str], text: Callable[[str], str | None]) -> list[Endpoint]:
    """Every field of Query, Mutation and Subscription that this repository answers."""
    files = [path for path, language in symbols.code.files.items() if language != "python"]
    if not any(_SERVERS.search(symbols.code.text(path)) for path in files):
        return []
    types = schema_types([(path, symbols.code.text(path)) for path in files], paths, text)
    declared = declared_fields(types)
    groups = groups_of(types, declared)
    kept = Kept(symbols.code)
    listed: list[Field] = []
    readers = mapped_fields(symbols, groups), typed_fields(symbols, groups), built_fields(symbols)
    for each in chain(*readers, object_fields(symbols)):
        listed.append(each)
        kept.extend((each.where, each.resolver, *each.guards))
    fields = list(dict.fromkeys(below_groups(listed)))
    rules = shield_rules(symbols)
    refusing = {where: each.directive for each in declared if each.directive for where in _places(each, groups)}
    found = Listed(
        symbols.code, (_endpoint(symbols, each, rules, refusing.get((each.type, each.name), "")) for each in fields)
    )
    once = list({(e.method, e.path, e.where.path, e.where.line): e for e in found}.values())
    return once or list(_unanswered(declared, groups))


def _places(each: Declared, groups: Groups) -> list[tuple[str, str]]:
    """(root type, path) of a declared field; of one in a type that groups, wherever that is reached."""
    own = [(each.type, each.name)] if each.type in ROOTS else []
    return [*own, *((group.root, group.path(each.name)) for group in groups.get(each.type, ()))]


def _unanswered(declared: list[Declared], groups: Groups) -> Iterator[Endpoint]:
    """The fields of a schema whose resolvers could not be found at all."""
    placed = {where: each for each in declared for where in _places(each, groups)}
    opening = {(group.root, group.prefix) for held in groups.values() for group in held}
    for (root, name), each in placed.items():
        path, where = f"{root}.{name}", FileSpan(each.path, each.line)
        if (root, name) not in opening:
            lost = f"{_NOBODY}{path}"
            yield Endpoint("GraphQL", root.upper(), path, where, gateway=each.directive, lost=lost)


def without_copies(listed: list[Endpoint]) -> list[Endpoint]:
    """The endpoints without what only a schema's text tells, where code answers: the text is made of it, or a copy."""
    fields = [each for each in listed if each.framework == "GraphQL"]
    if all(each.lost.startswith(_NOBODY) for each in fields):
        return listed
    return [each for each in listed if each.framework != "GraphQL" or not each.lost.startswith(_NOBODY)]


def below_groups(fields: list[Field]) -> Iterator[Field]:
    """The fields without those that only open the way to others; what such a one asks stands before the others."""
    before: dict[tuple[str, str], list[Field]] = {}
    for each in fields:
        before.setdefault((each.type, each.name), []).append(each)
    opening = {(each.type, each.name.rsplit(".", 1)[0]) for each in fields if "." in each.name}
    for each in fields:
        if (each.type, each.name) not in opening:
            parents = [one for prefix in _prefixes(each.name) for one in before.get((each.type, prefix), ())]
            guards = tuple(site for one in parents for site in (*one.guards, one.resolver))
            gateway = each.gateway or next((one.gateway for one in parents if one.gateway), "")
            yield replace(each, guards=(*guards, *each.guards), gateway=gateway)


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


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
