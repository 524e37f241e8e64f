"""Fields of Ariadne: `@query.field("users")`, `mutation.set_field("create", f)` for the types of a written schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.graphql_groups import ROOTS, Group
from auditor.facts.graphql_schemas import declared_fields, groups_of, schema_types
from auditor.facts.py_bindings import decorators, positional
from auditor.facts.py_graphql_classes import PyField
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of
from auditor.facts.units import is_test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tree_sitter import Node

    from auditor.facts.py_names import PyNames

_MADE = re.compile(r"^ariadne\.(?:\w+\.)*(Query|Mutation|Subscription|Object)Type\(\)$")
_REGISTERS = {"field", "source", "set_field", "set_source"}
_CONCERNED = re.compile(r"\.(?:field|source|set_field|set_source)\(")


def ariadne_fields(
    names: PyNames, paths: Iterable[str], text: Callable[[str], str | None]
) -> Iterator[tuple[Group, PyField]]:
    """Every resolver that is bound to a field of a root type, or of a type that only groups fields."""
    if not names.mentions("ariadne"):
        return
    types = schema_types([(path, names.code.text(path)) for path in names.paths()], paths, text)
    declared = declared_fields(types)
    groups = groups_of(types, declared)
    refusing = {(each.type, each.name): each.directive for each in declared}
    bound = [each for path in names.paths() if not is_test(path) for each in _of_file(names, path)]
    opening = {(group.root, group.prefix) for held in groups.values() for group in held}
    streamed = {(kind, each.name) for kind, each, last in bound if last.endswith("source")}
    for kind, each, last in bound:
        if last.endswith("field") and (kind, each.name) in streamed:
            continue  # it only shows what the source of a subscription gives
        places = [Group(kind, "")] if kind in ROOTS else groups.get(kind, [])
        gateway = refusing.get((kind, each.name), "")
        for group in places:
            if (group.root, group.path(each.name)) not in opening:
                yield group, PyField(each.name, each.where, each.handler, each.guards, gateway, lost=each.lost)


def _of_file(names: PyNames, path: str) -> Iterator[tuple[str, PyField, str]]:
    """(type, field, how it is bound) of the registrations in a file."""
    if not _CONCERNED.search(names.code.text(path)):
        return
    for call in names.code.nodes(path, "call"):
        function = call.child_by_field_name("function")
        last = text_of(function.child_by_field_name("attribute")) if function is not None else ""
        given = positional(call)
        if function is None or function.type != "attribute" or last not in _REGISTERS or not given:
            continue
        kind = _type(names, path, function.child_by_field_name("object"))
        name = names.text_value(path, given[0])
        if kind and name:
            yield kind, _field(names, Site(path, call), name, given), last


def _type(names: PyNames, path: str, held: Node | None) -> str:
    """The type that `QueryType()` or `ObjectType("UserMutation")` stands for."""
    found = names.resolve(path, held)
    made = names.made(found) if isinstance(found, Site) else None
    match = _MADE.match(names.dotted(made)) if isinstance(made, External) else None
    if match is None or not isinstance(found, Site):
        return ""
    given = positional(found.node)
    return match[1] if match[1] != "Object" else (names.text_value(found.path, given[0]) or "" if given else "")


def _field(names: PyNames, call: Site, name: str, given: list[Node]) -> PyField:
    function, below = _decorated(call.node)
    if function is not None:
        site = Site(call.path, function)
        return PyField(name, site, site, tuple(Site(call.path, each) for each in below))
    found = names.resolve(call.path, given[1]) if len(given) > 1 else None
    if not isinstance(found, Site):
        return PyField(name, call, None, lost=text_of(given[-1])[:60])
    return PyField(name, call, found, tuple(Site(found.path, each) for each in decorators(found.node)))


def _decorated(call: Node) -> tuple[Node | None, list[Node]]:
    """The function below a decorator, and the decorators between: those above it do not reach what is bound."""
    holder = call.parent.parent if call.parent is not None and call.parent.type == "decorator" else None
    function = holder.child_by_field_name("definition") if holder is not None else None
    written = decorators(function) if function is not None else []
    return function, written[written.index(call) + 1 :] if call in written else []
