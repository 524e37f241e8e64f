"""Fields of types that graphql-js builds: `new GraphQLObjectType({ name: "Mutation", fields: { create: … } })`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, returned, string_of, unwrap
from auditor.facts.graphql_groups import ROOTS, Group, gives_nothing, is_group
from auditor.facts.graphql_maps import Field
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_MADE = re.compile(r"\bnew\s+(?:\w+\.)?(?:GraphQLObjectType|GraphQLSchema)\b")
_RESOLVERS = ("subscribe", "resolve", "mutateAndGetPayload")
_MAX_DEPTH = 6


def object_fields(symbols: Symbols) -> Iterator[Field]:
    """The fields of every root type, by its name or because a schema is made of it, and of types that group fields."""
    made = [
        Site(path, node)
        for path, language in symbols.code.files.items()
        if language != "python" and _MADE.search(symbols.code.text(path))
        for node in symbols.code.nodes(path, "new_expression")
    ]
    of_schemas = [each for site in made if _is(site.node, "GraphQLSchema") for each in _of_schema(symbols, site)]
    named = [each for site in made if _is(site.node, "GraphQLObjectType") for each in _of_name(symbols, site)]
    served = {root for root, _ in of_schemas}  # a type of data may be called `Subscription`, too
    both = [*of_schemas, *(each for each in named if not served or each[0] in served)]
    for root, options in {(o.path, o.node.start_byte): (root, o) for root, o in both}.values():
        yield from _of_type(symbols, Group(root, ""), options, _MAX_DEPTH)


def _of_schema(symbols: Symbols, made: Site) -> Iterator[tuple[str, Site]]:
    """(root type, its options) of what `new GraphQLSchema({ query, mutation })` is made of."""
    options = _options(symbols, made)
    for root in ROOTS if options is not None else ():
        given = symbols.member(options, root.lower()) if options is not None else None
        inner = _options(symbols, given) if isinstance(given, Site) and given.node.type == "new_expression" else None
        if inner is not None:
            yield root, inner


def _of_name(symbols: Symbols, made: Site) -> Iterator[tuple[str, Site]]:
    """(root type, its options) of a type that is called as a root type is."""
    options = _options(symbols, made)
    own = string_of(property_of(options.node, "name")) if options is not None else None
    if options is not None and own in ROOTS:
        yield own or "", options


def _is(node: Node, name: str) -> bool:
    return text_of(node.child_by_field_name("constructor")).rsplit(".", 1)[-1] == name


def _options(symbols: Symbols, made: Site) -> Site | None:
    given = arguments_of(made.node)
    target = symbols.resolve(made.path, given[0]) if given else None
    return target if isinstance(target, Site) and target.node.type == "object" else None


def _of_type(symbols: Symbols, group: Group, options: Site, depth: int) -> Iterator[Field]:
    held = property_of(options.node, "fields")
    for name, where, value in _entries(symbols, Site(options.path, held), depth) if held is not None else ():
        yield from _of_field(symbols, group.path(name), group, where, value, depth)


def _entries(symbols: Symbols, site: Site, depth: int) -> Iterator[tuple[str, Site, Site]]:
    """(name, place, configuration) of each field, through spreads and the functions that give them."""
    for holder in _objects(symbols, site, depth):
        for child in holder.node.named_children:
            if child.type == "spread_element" and child.named_children:
                yield from _entries(symbols, Site(holder.path, unwrap(child.named_children[0])), depth - 1)
            elif child.type == "shorthand_property_identifier":
                yield text_of(child), Site(holder.path, child), Site(holder.path, child)
            elif child.type == "pair" and (value := child.child_by_field_name("value")) is not None:
                name = text_of(child.child_by_field_name("key")).strip("\"'`")
                yield name, Site(holder.path, child), Site(holder.path, value)


def _objects(symbols: Symbols, site: Site, depth: int) -> Iterator[Site]:
    """The object that an expression stands for; of a function, or of a call of one, what it gives back."""
    target = symbols.resolve(site.path, unwrap(site.node)) if depth > 0 else None
    if not isinstance(target, Site):
        return
    made = symbols.called(target.path, target.node) if target.node.type == "call_expression" else target
    if target.node.type == "object":
        yield target
    elif isinstance(made, Site) and made.node.type in FUNCTIONS:
        for value in returned(made.node):
            yield from _objects(symbols, Site(made.path, value), depth - 1)
    elif target.node.type == "call_expression":  # `mutationWithClientMutationId({ … })`, `Object.assign({}, a)`
        for given in arguments_of(target.node):
            yield from _objects(symbols, Site(target.path, given), depth - 1)


def _of_field(symbols: Symbols, name: str, group: Group, where: Site, value: Site, depth: int) -> Iterator[Field]:
    configured = next(_objects(symbols, value, depth), None)
    if configured is None:
        yield Field(group.root, name, where, value)
        return
    named = (property_of(configured.node, each) for each in _RESOLVERS)
    resolver = next((each for each in named if each is not None), None)
    inner = list(_within(symbols, Group(group.root, name), configured, resolver, depth)) if depth > 0 else []
    yield from inner
    if resolver is not None and not inner:
        held = Site(configured.path, resolver)
        yield Field(group.root, name, held, held)


def _within(symbols: Symbols, group: Group, field: Site, resolver: Node | None, depth: int) -> Iterator[Field]:
    """The fields of a type that is there for nothing but them."""
    given = property_of(field.node, "type")
    if given is None or property_of(field.node, "args") is not None:
        return
    target = symbols.resolve(field.path, given)
    for made in nodes(symbols.code.files[field.path], given, "identifier") if not _is_type(target) else ():
        target = symbols.resolve(field.path, made)
        if _is_type(target):
            break
    options = _options(symbols, target) if isinstance(target, Site) and _is_type(target) else None
    if options is None:
        return
    called = string_of(property_of(options.node, "name")) or ""
    opens = resolver is None or gives_nothing(resolver)
    if is_group(called, group.root) or (resolver is not None and opens):
        guards = (Site(field.path, resolver),) if resolver is not None else ()
        for each in _of_type(symbols, group, options, depth - 1):
            yield replace(each, guards=(*guards, *each.guards))


def _is_type(target: object) -> bool:
    made = isinstance(target, Site) and target.node.type == "new_expression"
    return made and isinstance(target, Site) and _is(target.node, "GraphQLObjectType")
