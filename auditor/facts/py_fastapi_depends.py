"""What FastAPI runs before a function: the dependencies that its parameters and its class name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.py_bindings import arguments, innermost_class, keyword, node_of, positional, returns
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.py_names import PyNames

_INJECTED = re.compile(r"(?:^|\.)(?:Depends|Security)$")
_NAMES = {"identifier", "attribute"}


def injected_guards(names: PyNames, function: Site) -> tuple[Site, ...]:
    """What the parameters of a function, and the attributes of the class around it, ask to be run before it."""
    found: list[Site] = []
    for argument in arguments(function.node):
        for part in (argument.annotation, argument.default):
            if part is not None:
                found += _asked_by(names, Site(function.path, part))
        if argument.annotation is not None and argument.default is not None and "()" in text_of(argument.default):
            found += _by_type(argument.annotation, argument.default, function.path)
    holder = innermost_class(function.node)
    if holder is not None:
        found += _kept_by(names, Site(function.path, holder))
    return tuple(dict.fromkeys(found))


def _kept_by(names: PyNames, holder: Site) -> Iterator[Site]:
    """What the attributes of a class and of its base classes ask for: class-based views get them for each request."""
    for each in (holder, *(base for base in names.bases(holder) if isinstance(base, Site))):
        if each.node.type != "class_definition":
            continue
        for bound in names.scope(each.path, each.node).bound.values():
            node = node_of(bound)
            if node is not None and node.type == "call":
                yield from injected(Site(each.path, node))
        for annotation in _annotated(each.node):
            yield from _asked_by(names, Site(each.path, annotation))


def _annotated(holder: Node) -> Iterator[Node]:
    """The types of a class's attributes that are given no value: `user: CurrentUser`."""
    body = holder.child_by_field_name("body")
    for statement in body.named_children if body is not None else ():
        inner = statement.named_children[0] if statement.type == "expression_statement" else None
        if inner is not None and inner.type == "assignment" and inner.child_by_field_name("right") is None:
            annotation = inner.child_by_field_name("type")
            if annotation is not None:
                yield annotation


def _by_type(annotation: Node, default: Node, path: str) -> Iterator[Site]:
    """`service: Service = Depends()` asks for what the annotation names."""
    if re.fullmatch(r"(?:\w+\.)?(?:Depends|Security)\(\)", text_of(default)):
        yield Site(path, annotation.named_children[0])


def _asked_by(names: PyNames, part: Site) -> Iterator[Site]:
    """`Annotated[T, Depends(f)]`, written here or under a name of another module."""
    yield from injected(part)
    yield from made_to_order(names, part)
    inner = part.node.named_children[0] if part.node.type == "type" and part.node.named_children else None
    for named in nodes("python", inner, "identifier", "attribute") if inner is not None else ():
        found = (
            names.resolve(part.path, named) if named.parent is not None and named.parent.type != "attribute" else None
        )
        if isinstance(found, Site) and found.node.type in {"subscript", "generic_type", "type"}:
            yield from injected(found)
            yield from made_to_order(names, found)


def injected(holder: Site) -> Iterator[Site]:
    """The functions that `Depends` and `Security` name in a piece of code."""
    for call in nodes("python", holder.node, "call"):
        if _INJECTED.search(text_of(call.child_by_field_name("function"))):
            given = positional(call)
            named = keyword(call, "dependency")
            if given or named is not None:
                yield Site(holder.path, given[0] if given else named or call)


def made_to_order(names: PyNames, holder: Site) -> Iterator[Site]:
    """The calls of functions of this repository that give a dependency back: `def allow(…): return Depends(check)`."""
    for call in nodes("python", holder.node, "call"):
        named = call.child_by_field_name("function")
        made = names.resolve(holder.path, named) if named is not None and named.type in _NAMES else None
        if isinstance(made, Site) and made.node.type == "function_definition":
            backs = returns(made.node)
            if backs and all(_gives_dependency(back) for back in backs):
                yield Site(holder.path, call)


def _gives_dependency(value: Node) -> bool:
    return value.type == "call" and bool(_INJECTED.search(text_of(value.child_by_field_name("function"))))
