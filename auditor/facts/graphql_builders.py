"""Fields that are built in code: Pothos' `builder.queryField(…)` and what Nexus calls the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, returned, string_of, unwrap
from auditor.facts.graphql_maps import TYPES, Field
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_KINDS = {name.lower(): name for name in TYPES}
_CALLS = re.compile(r"\b(query|mutation|subscription)(Field|Fields|Type)\s*(?:<[^>]*>)?\(")
_RELAY = re.compile(r"\brelayMutationField\s*\(")
_NAME = re.compile(r"^(?:[\w.]*\.)?(query|mutation|subscription)(Field|Fields|Type)$")
_OPEN = re.compile(r"^\{\s*\}$|^\{\s*(?:public|anonymous|everyone)\s*:\s*true\s*,?\s*\}$|^true$")
_NEXUS = re.compile(r"[\"']nexus[\"']|nexus/")


def built_fields(symbols: Symbols) -> Iterator[Field]:
    """The fields of every builder call; what a root type demands of callers holds for all of its fields."""
    calls = [
        Site(path, node)
        for path, language in symbols.code.files.items()
        if language != "python" and (_CALLS.search(text := symbols.code.text(path)) or _RELAY.search(text))
        for node in symbols.code.nodes(path, "call_expression")
    ]
    whole = {kind: scopes for call in calls for kind, scopes in _of_type(symbols, call)}
    for call in calls:
        for field in _fields(symbols, call):
            yield field if field.gateway or field.type not in whole else _with(field, whole[field.type])


def _with(field: Field, gateway: str) -> Field:
    return Field(field.type, field.name, field.where, field.resolver, field.guards, gateway)


def _named(call: Site) -> tuple[str, str] | None:
    """(root type, Field | Fields | Type) of a builder's call."""
    function = call.node.child_by_field_name("function")
    plain = function is not None and function.type in {"identifier", "member_expression"}
    match = _NAME.match(text_of(function)) if plain and function is not None else None
    return (_KINDS[match[1]], match[2]) if match else None


def _of_type(symbols: Symbols, call: Site) -> Iterator[tuple[str, str]]:
    """(root type, its scopes) of `builder.mutationType({ authScopes })`."""
    named, given = _named(call), arguments_of(call.node)
    options = _object(symbols, call.path, given[0]) if named and named[1] == "Type" and given else None
    if named and options is not None and (scopes := _scopes(options.node)):
        yield named[0], scopes


def _object(symbols: Symbols, path: str, node: Node) -> Site | None:
    target = symbols.resolve(path, node)
    return target if isinstance(target, Site) and target.node.type == "object" else None


def _fields(symbols: Symbols, call: Site) -> Iterator[Field]:
    named, given = _named(call), arguments_of(call.node)
    function = text_of(call.node.child_by_field_name("function"))
    if function.endswith(".relayMutationField") and len(given) > 2:  # noqa: PLR2004 - name, input, field
        options = _object(symbols, call.path, given[2])
        yield from _field("Mutation", string_of(given[0]) or "", call, options)
        return
    if named is None or not given:
        return
    kind, form = named
    if form == "Field" and len(given) > 1:
        yield from _built(symbols, kind, string_of(given[0]) or "", Site(call.path, given[1]))
    elif form == "Fields":
        yield from _several(symbols, kind, Site(call.path, given[0]))
    elif form == "Type":
        options = _object(symbols, call.path, given[0])
        inner = property_of(options.node, "fields") if options is not None else None
        if options is not None and inner is not None:
            yield from _several(symbols, kind, Site(options.path, inner))
    if form in {"Field", "Type"} and _NEXUS.search(symbols.code.text(call.path)):
        yield from _nexus(symbols, kind, call)


def _several(symbols: Symbols, kind: str, site: Site) -> Iterator[Field]:
    """`(t) => ({ users: t.field({ … }) })`."""
    target = symbols.resolve(site.path, site.node)
    if not isinstance(target, Site) or target.node.type not in FUNCTIONS:
        return
    for value in returned(target.node):
        for pair in value.named_children if value.type == "object" else ():
            built = pair.child_by_field_name("value") if pair.type == "pair" else None
            if built is not None:
                yield from _call(symbols, kind, text_of(pair.child_by_field_name("key")), Site(target.path, built))


def _built(symbols: Symbols, kind: str, name: str, site: Site) -> Iterator[Field]:
    """`(t) => t.field({ … })`; Nexus gives the object itself."""
    target = symbols.resolve(site.path, site.node)
    if not isinstance(target, Site):
        return
    if target.node.type == "object":
        yield from _field(kind, name, target, target)
    for value in returned(target.node) if target.node.type in FUNCTIONS else ():
        yield from _call(symbols, kind, name, Site(target.path, value))


def _call(symbols: Symbols, kind: str, name: str, site: Site) -> Iterator[Field]:
    """`t.field({ … })`, `t.prismaField({ … })`, `t.withAuth({ … }).field({ … })`."""
    node = unwrap(site.node)
    if node.type != "call_expression" or not name:
        return
    options = next((each for given in arguments_of(node) if (each := _object(symbols, site.path, given))), None)
    scoped = _with_auth(node)
    yield from _field(kind, name, Site(site.path, node), options, scoped)


def _with_auth(node: Node) -> str:
    function = node.child_by_field_name("function")
    held = function.child_by_field_name("object") if function is not None else None
    if held is None or held.type != "call_expression":
        return ""
    name = text_of(held.child_by_field_name("function"))
    given = arguments_of(held)
    open_to_all = bool(given) and _OPEN.match(text_of(given[0])) is not None
    return "authScopes" if name.endswith(".withAuth") and given and not open_to_all else ""


def _field(kind: str, name: str, where: Site, options: Site | None, scoped: str = "") -> Iterator[Field]:
    resolver = None
    if options is not None:
        resolver = property_of(options.node, "resolve") or property_of(options.node, "subscribe")
    if options is not None and resolver is not None and name:
        yield Field(kind, name, where, Site(options.path, resolver), (), scoped or _scopes(options.node))


def _scopes(options: Node) -> str:
    """What `authScopes` demands; Nexus' `authorize` says the same by a function."""
    for key in ("authScopes", "authorize"):
        value = property_of(options, key)
        if value is not None and not _OPEN.match(text_of(value)):
            return f"{key} {' '.join(text_of(value).split())}"[:60] if value.type == "object" else key
    return ""


def _nexus(symbols: Symbols, kind: str, call: Site) -> Iterator[Field]:
    """`t.field("name", { resolve })` inside a definition of Nexus."""
    for node in nodes(symbols.code.files[call.path], call.node, "call_expression"):
        given, function = arguments_of(node), node.child_by_field_name("function")
        held = function.child_by_field_name("object") if function is not None else None
        name = string_of(given[0]) if given and node != call.node else None
        options = _object(symbols, call.path, given[-1]) if name and held is not None else None
        if name and options is not None and not isinstance(symbols.called(call.path, node), External):
            yield from _field(kind, name, Site(call.path, node), options)
