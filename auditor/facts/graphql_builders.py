"""Fields that are built in code: Pothos' `builder.queryField(…)` and what Nexus calls the same."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, returned, string_of, unwrap
from auditor.facts.graphql_groups import ROOTS, gives_nothing, is_group
from auditor.facts.graphql_maps import Field
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_KINDS = {name.lower(): name for name in ROOTS}
_CALLS = re.compile(r"\b(query|mutation|subscription)(Field|Fields|Type)\s*(?:<[^>]*>)?\(")
_RELAY = re.compile(r"\brelayMutationField\s*\(")
_NAME = re.compile(r"^(?:[\w.]*\.)?(query|mutation|subscription)(Field|Fields|Type)$")
_OPEN = re.compile(r"^\{\s*\}$|^\{\s*(?:public|anonymous|everyone)\s*:\s*true\s*,?\s*\}$|^true$")
_FORMS = {"objectType", "objectField", "objectFields", "implement"}
_OBJECTS = re.compile(r"\.(?:objectType|objectFields?|implement)\s*(?:<[^>]*>)?\(")
_MAX_NESTED = 4
_NEXUS = re.compile(r"[\"']nexus[\"']|nexus/")


def built_fields(symbols: Symbols) -> Iterator[Field]:
    """The fields of every builder call; what a root type demands of callers holds for all of its fields."""
    calls = list(_calls(symbols, _CALLS, _RELAY))
    whole = {kind: scopes for call in calls for kind, scopes in _of_type(symbols, call)}
    found = [
        field if field.gateway or field.type not in whole else replace(field, gateway=whole[field.type])
        for call in calls
        for field in _fields(symbols, call)
    ]
    yield from found
    if any(_opens(field) for field in found):
        yield from _grouped(symbols, found)


def _calls(symbols: Symbols, *patterns: re.Pattern[str]) -> Iterator[Site]:
    for path, language in symbols.code.files.items():
        text = symbols.code.text(path) if language != "python" else ""
        if any(pattern.search(text) for pattern in patterns):
            yield from (Site(path, node) for node in symbols.code.nodes(path, "call_expression"))


def _opens(field: Field) -> bool:
    """Whether a field without arguments is there for those of its type: by its name, or because it gives nothing."""
    return bool(field.gives) and (is_group(field.gives, field.type) or gives_nothing(field.resolver.node))


def _grouped(symbols: Symbols, found: list[Field]) -> Iterator[Field]:
    """The fields of types that group others, each where its type is reached."""
    held: dict[str, list[Field]] = {}
    for call in _calls(symbols, _OBJECTS):
        for field in _of_object(symbols, call):
            held.setdefault(field.type, []).append(field)
    waiting = [field for field in found if _opens(field)]
    for _ in range(_MAX_NESTED):
        waiting = [
            replace(inner, type=outer.type, name=f"{outer.name}.{inner.name}")
            for outer in waiting
            for inner in held.get(outer.gives, ())
        ]
        yield from waiting
        waiting = [field for field in waiting if _opens(field)]


def _of_object(symbols: Symbols, call: Site) -> Iterator[Field]:
    """Fields of `builder.objectType(Ref, { fields })`, `Ref.implement({ fields })`, `builder.objectField(Ref, …)`."""
    function, given = call.node.child_by_field_name("function"), arguments_of(call.node)
    form = text_of(function.child_by_field_name("property")) if function is not None else ""
    if function is None or function.type != "member_expression" or not given or form not in _FORMS:
        return
    named = function.child_by_field_name("object") if form == "implement" else given[0]
    kind = _type_name(symbols, call.path, named) if named is not None else ""
    if form == "objectField" and len(given) > 2:  # noqa: PLR2004 - type, name, field
        yield from _built(symbols, kind, string_of(given[1]) or "", Site(call.path, given[2]))
    elif form == "objectFields" and len(given) > 1:
        yield from _several(symbols, kind, Site(call.path, given[1]))
    elif form in {"objectType", "implement"}:
        options = _object(symbols, call.path, given[-1])
        inner = property_of(options.node, "fields") if options is not None else None
        if options is not None and inner is not None:
            yield from _several(symbols, kind, Site(options.path, inner))


def _type_name(symbols: Symbols, path: str, node: Node) -> str:
    """What a type is called: `"User"`, the `Ref` of `builder.objectRef("User")`, a class of that name."""
    node = unwrap(node)
    if (own := string_of(node)) is not None:
        return own
    target = symbols.resolve(path, node) if node.type in {"identifier", "member_expression"} else Site(path, node)
    while isinstance(target, Site) and target.node.type == "call_expression":
        given, function = arguments_of(target.node), target.node.child_by_field_name("function")
        if given and (own := string_of(given[0])) is not None:
            return own
        held = function.child_by_field_name("object") if function is not None else None
        target = Site(target.path, held) if held is not None else None
    return text_of(node).rsplit(".", 1)[-1]


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
        yield from _field(symbols, "Mutation", string_of(given[0]) or "", call, options)
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
        yield from _field(symbols, kind, name, target, target)
    for value in returned(target.node) if target.node.type in FUNCTIONS else ():
        yield from _call(symbols, kind, name, Site(target.path, value))


def _call(symbols: Symbols, kind: str, name: str, site: Site) -> Iterator[Field]:
    """`t.field({ … })`, `t.prismaField({ … })`, `t.withAuth({ … }).field({ … })`."""
    node = unwrap(site.node)
    if node.type != "call_expression" or not name:
        return
    options = next((each for given in arguments_of(node) if (each := _object(symbols, site.path, given))), None)
    scoped = _with_auth(node)
    yield from _field(symbols, kind, name, Site(site.path, node), options, scoped)


def _with_auth(node: Node) -> str:
    function = node.child_by_field_name("function")
    held = function.child_by_field_name("object") if function is not None else None
    if held is None or held.type != "call_expression":
        return ""
    name = text_of(held.child_by_field_name("function"))
    given = arguments_of(held)
    open_to_all = bool(given) and _OPEN.match(text_of(given[0])) is not None
    return "authScopes" if name.endswith(".withAuth") and given and not open_to_all else ""


def _field(
    symbols: Symbols, kind: str, name: str, where: Site, options: Site | None, scoped: str = ""
) -> Iterator[Field]:
    resolver = None
    if options is not None:
        resolver = property_of(options.node, "resolve") or property_of(options.node, "subscribe")
    if options is not None and resolver is not None and name:
        plain = property_of(options.node, "args") is None and property_of(options.node, "input") is None
        kept = property_of(options.node, "type") if plain else None
        gives = _type_name(symbols, options.path, kept) if kept is not None else ""
        scopes = scoped or _scopes(options.node)
        yield Field(kind, name, where, Site(options.path, resolver), gateway=scopes, gives=gives)


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
            yield from _field(symbols, kind, name, Site(call.path, node), options)
