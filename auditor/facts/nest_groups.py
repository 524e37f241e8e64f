"""Resolver classes of types that only group fields: `@Resolver(() => VmMutations)` with a `@ResolveField` for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, returned, string_of, unwrap
from auditor.facts.decorators import expanded, methods_of, of_class, of_parameters
from auditor.facts.graphql_groups import ROOTS, gives_nothing, is_group
from auditor.facts.pieces import Kept
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tree_sitter import Node

    from auditor.facts.decorators import Decorator
    from auditor.facts.symbols import Site, Symbols

_RESOLVES = {"ResolveField", "FieldResolver", "ResolveProperty"}
_ARGUMENTS = {"Args", "Arg"}
_MAX_NESTED = 4


@dataclass(frozen=True, slots=True)
class Opening:
    """A field that opens the way to those of its type; `decorators` stand before them, too."""

    root: str
    name: str
    decorators: tuple[Decorator, ...] = ()


Openings = dict[str, list[Opening]]


def openings(symbols: Symbols, classes: Iterable[Site]) -> Openings:
    """The types that group fields, by what their resolver classes are called with, and where each is reached."""
    resolvers: list[tuple[Site, list[Decorator]]] = []
    kept = Kept(symbols.code)
    for site in classes:
        above = expanded(symbols, of_class(site.path, site.node))
        if any(name == "Resolver" for name, _ in above):
            resolvers.append((site, above))
            kept.extend(decorator for _, decorator in above)
    found: Openings = {}
    waiting = [one for site, above in resolvers for one in _opening(symbols, site.path, site.node, above)]
    for _ in range(_MAX_NESTED):
        for kind, opening in waiting:
            found.setdefault(kind, []).append(opening)
        waiting = [
            one
            for site, above in resolvers
            for outer in dict(waiting)
            if target_of(above) == outer
            for one in _nested(symbols, site.path, site.node, above, [each for kind, each in waiting if kind == outer])
        ]
    return found


def target_of(decorators: Iterable[Decorator]) -> str:
    """What `@Resolver(() => User)` is the resolver of."""
    return next((_type(site.node) for name, site in decorators if name == "Resolver"), "")


def resolved_fields(own: Iterable[Decorator], method: Node) -> Iterator[str]:
    """The field that a method is said to resolve."""
    for name, site in own:
        if name in _RESOLVES:
            yield field_name(site.node) or text_of(method.child_by_field_name("name"))


def field_name(decorator: Node) -> str:
    """The name that a decorator gives a field; empty where it has that of its method."""
    for given in arguments_of(decorator):
        named = property_of(given, "name") if given.type == "object" else given
        if (text := string_of(named)) is not None:
            return text
    return ""


def _opening(symbols: Symbols, path: str, node: Node, above: list[Decorator]) -> Iterator[tuple[str, Opening]]:
    for method, own in methods_of(path, node):
        for name, site in own:
            if name in ROOTS and (kind := _opened(path, method, site.node, name)):
                field = field_name(site.node) or text_of(method.child_by_field_name("name"))
                yield kind, Opening(name, field, (*above, *expanded(symbols, own)))


def _nested(
    symbols: Symbols, path: str, node: Node, above: list[Decorator], outer: list[Opening]
) -> Iterator[tuple[str, Opening]]:
    for method, own in methods_of(path, node):
        for field in resolved_fields(own, method):
            site = next(site for name, site in own if name in _RESOLVES)
            for each in outer:
                if kind := _opened(path, method, site.node, each.root):
                    before = (*each.decorators, *above, *expanded(symbols, own))
                    yield kind, Opening(each.root, f"{each.name}.{field}", before)


def _opened(path: str, method: Node, decorator: Node, root: str) -> str:
    """The type of a field that is there for nothing but the fields of its type; empty for any other field."""
    kind = _type(decorator)
    asks = any(name in _ARGUMENTS for found, _ in of_parameters(path, method) for name, _ in found)
    return kind if kind and not asks and (is_group(kind, root) or gives_nothing(method)) else ""


def _type(decorator: Node) -> str:
    """The type in `@Mutation(() => VmMutations)`, `@Resolver("Vm")`, `@Resolver(Vm)`; empty for a list of them."""
    given = arguments_of(decorator)[:1] if decorator.type == "call_expression" else []
    for each in given:
        value = next(iter(returned(each)), each) if each.type in FUNCTIONS else each
        value = unwrap(value)
        if value.type in {"identifier", "member_expression"}:
            return text_of(value).rsplit(".", 1)[-1]
        return (string_of(value) or "") if text_of(decorator).startswith("Resolver") else ""
    return ""
