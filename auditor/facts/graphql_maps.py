"""Resolver maps of GraphQL: `{ Query: { users }, Mutation: { … } }`, spread and merged across files."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, unwrap
from auditor.facts.graphql_groups import ROOTS
from auditor.facts.symbols import External, Missing, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.graphql_groups import Group
    from auditor.facts.symbols import Symbols

Groups = dict[str, list["Group"]]
_CLIENT = re.compile(r"[\"'](?:@apollo/client|urql|@urql/|apollo-client|react-apollo|@apollo/client/)")
_MOCKS = re.compile(r"addMocksToSchema|MockedProvider|typePolicies|cacheRedirects|cacheResolvers")
_MAX_DEPTH = 6


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a root type: `where` is the node whose line is reported, `gateway` what the declaration demands.

    `gives` is the name of its type where code says so, empty for a field that takes arguments.
    """

    type: str
    name: str
    where: Site
    resolver: Site
    guards: tuple[Site, ...] = ()
    gateway: str = ""
    gives: str = ""


def mapped_fields(symbols: Symbols, groups: Groups) -> Iterator[Field]:
    """The fields of every object that names a root type or one that groups, and of what is merged into it."""
    names = (*ROOTS, *groups)
    either = "|".join(names)
    named = re.compile(rf"\b(?:{either})\b\s*[:,}}=]|[\"'](?:{either})[\"']\s*:")
    for path, language in symbols.code.files.items():
        text = symbols.code.text(path) if language != "python" else ""
        if not named.search(text) or _CLIENT.search(text) or _MOCKS.search(text) or path.endswith(".d.ts"):
            continue
        for holder in symbols.code.nodes(path, "object"):
            if not _is_rule(holder):
                for found in _of_object(symbols, Site(path, holder), names):
                    yield from placed(found, groups)


def placed(field: Field, groups: Groups) -> Iterator[Field]:
    """A field of a root type as it is; one of a type that groups at each place where the type is reached."""
    if field.type in ROOTS:
        yield field
    for group in groups.get(field.type, ()):
        yield replace(field, type=group.root, name=group.path(field.name))


def _is_rule(holder: Node) -> bool:
    """Whether an object is an argument of `shield(…)`: it says who may call, and resolves nothing."""
    call = holder.parent.parent if holder.parent is not None and holder.parent.type == "arguments" else None
    name = text_of(call.child_by_field_name("function")) if call is not None else ""
    return name in {"shield", "permissions", "composeResolvers", "applyMiddleware"}


def _of_object(symbols: Symbols, holder: Site, names: tuple[str, ...]) -> Iterator[Field]:
    for name in names:
        value = property_of(holder.node, name)
        if value is not None and value.type != "method_definition":
            yield from _fields(symbols, name, Site(holder.path, value), _MAX_DEPTH)


def _fields(symbols: Symbols, kind: str, site: Site, depth: int) -> Iterator[Field]:
    """The fields of one root type; every other object that bears its name has no resolver in it."""
    target = symbols.resolve(site.path, site.node) if depth > 0 else None
    if not isinstance(target, Site):
        return
    if target.node.type == "program":
        yield from _exports(symbols, kind, target)
    if target.node.type == "call_expression":  # `merge({}, a, b)`, `Object.assign({}, a, b)`
        for given in arguments_of(target.node):
            yield from _fields(symbols, kind, Site(target.path, given), depth - 1)
    for child in target.node.named_children if target.node.type == "object" else ():
        if child.type == "spread_element" and child.named_children:
            yield from _fields(symbols, kind, Site(target.path, child.named_children[0]), depth - 1)
        elif (entry := _entry(symbols, target.path, child)) is not None:
            yield Field(kind, entry[0], Site(target.path, child), entry[1])


def _exports(symbols: Symbols, kind: str, module: Site) -> Iterator[Field]:
    """`import * as Query from "./queries"`."""
    for name in symbols.module(module.path).exports:
        target = symbols.exported(module.path, name)
        if isinstance(target, Site) and target.node.type in FUNCTIONS:
            yield Field(kind, name, target, target)


def _entry(symbols: Symbols, path: str, child: Node) -> tuple[str, Site] | None:
    """(field, resolver) of one property, where its value may be called."""
    if child.type == "shorthand_property_identifier":
        return (text_of(child), Site(path, child)) if _callable(symbols, Site(path, child)) else None
    if child.type == "method_definition":
        return text_of(child.child_by_field_name("name")), Site(path, child)
    value = child.child_by_field_name("value")
    if child.type != "pair" or value is None:
        return None
    name, site = text_of(child.child_by_field_name("key")).strip("\"'`"), Site(path, unwrap(value))
    target = symbols.resolve(path, site.node)
    if isinstance(target, Site) and target.node.type == "object":  # `{ subscribe, resolve }`
        inner = property_of(target.node, "subscribe") or property_of(target.node, "resolve")
        return (name, Site(target.path, inner)) if inner is not None else None
    return (name, site) if _callable(symbols, site) else None


def _callable(symbols: Symbols, site: Site) -> bool:
    target = symbols.resolve(site.path, site.node)
    if isinstance(target, Site):
        return target.node.type in FUNCTIONS | {"call_expression"}
    return isinstance(target, External | Missing)


def typed_fields(symbols: Symbols, groups: Groups) -> Iterator[Field]:
    """`export const user: QueryResolvers["user"] = …`, and `const Query: QueryResolvers = { … }`."""
    typed = re.compile(rf"\b({'|'.join((*ROOTS, *groups))})Resolvers\s*(?:\[\s*[\"'](\w+)[\"']\s*\])?")
    for path, language in symbols.code.files.items():
        if language in {"python", "javascript"} or not typed.search(symbols.code.text(path)):
            continue
        for declarator in symbols.code.nodes(path, "variable_declarator"):
            match = typed.search(text_of(declarator.child_by_field_name("type")))
            value = declarator.child_by_field_name("value")
            if match is None or value is None:
                continue
            held = Site(path, unwrap(value))
            single = [Field(match[1], match[2], Site(path, declarator), held)] if match[2] else None
            for found in single if single is not None else _fields(symbols, match[1], held, _MAX_DEPTH):
                yield from placed(found, groups)
