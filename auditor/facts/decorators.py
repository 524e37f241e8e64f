"""Decorators of classes, methods and parameters in TypeScript, and the decorators that others are composed of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, returned, unwrap
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_MAX_DEPTH = 4
Decorator = tuple[str, Site]  # its name, and the call or name behind the `@`


def of_class(path: str, node: Node) -> list[Decorator]:
    """The decorators of a class, whether they stand before `export` or behind it."""
    holder = node.parent if node.parent is not None and node.parent.type == "export_statement" else None
    listed = [*(holder.named_children if holder is not None else ()), *node.named_children]
    return [_read(path, child) for child in listed if child.type == "decorator"]


def methods_of(path: str, node: Node) -> Iterator[tuple[Node, list[Decorator]]]:
    """Each method of a class with its decorators, which stand before it."""
    body = node.child_by_field_name("body")
    waiting: list[Decorator] = []
    for child in body.named_children if body is not None else ():
        if child.type == "decorator":
            waiting.append(_read(path, child))
        elif child.type != "comment":
            own = [_read(path, inner) for inner in child.named_children if inner.type == "decorator"]
            if child.type == "method_definition":
                yield child, [*waiting, *own]
            waiting = []


def of_parameters(path: str, method: Node) -> Iterator[tuple[list[Decorator], Node]]:
    """The decorators of each parameter of a method, with the parameter."""
    listed = method.child_by_field_name("parameters")
    for child in listed.named_children if listed is not None else ():
        found = [_read(path, inner) for inner in child.named_children if inner.type == "decorator"]
        if found:
            yield found, child


def expanded(symbols: Symbols, found: list[Decorator], depth: int = _MAX_DEPTH) -> list[Decorator]:
    """The decorators with those that a function of the repository composes: `applyDecorators(UseGuards(…), …)`."""
    whole: list[Decorator] = []
    for name, site in found:
        whole.append((name, site))
        called = site.node.child_by_field_name("function") if site.node.type == "call_expression" else site.node
        target = symbols.resolve(site.path, called) if called is not None and depth > 0 else None
        if isinstance(target, Site):
            whole += expanded(symbols, list(_composed(target)), depth - 1)
    return whole


def _composed(function: Site) -> Iterator[Decorator]:
    values = list(returned(function.node)) if function.node.type in FUNCTIONS else [function.node]
    for value in values:
        if value.type != "call_expression":
            continue
        if _name(value) == "applyDecorators":
            yield from ((_name(given), Site(function.path, given)) for given in arguments_of(value))
        elif _name(value) in {"UseGuards", "SetMetadata", "UsePipes", "Authorized"}:
            yield _name(value), Site(function.path, value)


def _read(path: str, decorator: Node) -> Decorator:
    inner = unwrap(decorator.named_children[0]) if decorator.named_children else decorator
    return _name(inner), Site(path, inner)


def _name(node: Node) -> str:
    function = node.child_by_field_name("function") if node.type == "call_expression" else node
    return text_of(function).rsplit(".", 1)[-1] if function is not None else ""
