"""What the parameters of a function are called, those that a list or an object takes apart too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.bindings import DECLARATIONS, pattern_names
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

REST = "..."


def named_parameters(function: Node) -> Iterator[tuple[str, int, str]]:
    """(name, place, property) of all; a parameter that stands for all that follow has `...` as its property."""
    for index, pattern in enumerate(parameters(function)):
        if pattern.type == "identifier":
            yield text_of(pattern), index, ""
        elif pattern.type in {"object_pattern", "array_pattern"}:
            yield from ((local, index, key) for local, key in pattern_names(pattern))
    if (rest := _rest(function)) is not None:
        yield text_of(rest[1]), rest[0], REST


def parameters(function: Node) -> list[Node]:
    """The patterns of a function's parameters, without types and defaults; what a loop declares is its only one.

    A rest parameter that the body takes apart, `const [router, tenant] = args`, stands for its parts.
    """
    single = function.child_by_field_name("left" if function.type == "for_in_statement" else "parameter")
    if single is not None:
        return [single]
    listed = function.child_by_field_name("parameters")
    found = []
    for child in listed.named_children if listed is not None else ():
        pattern = child.child_by_field_name("pattern") or child.child_by_field_name("left") or child
        if child.type != "comment":
            found += _spread(pattern, function.child_by_field_name("body"))
    return found


def _rest(function: Node) -> tuple[int, Node] | None:
    """(place, name) of the parameter `...args`."""
    listed = function.child_by_field_name("parameters")
    given = [child for child in listed.named_children if child.type != "comment"] if listed is not None else []
    last = (given[-1].child_by_field_name("pattern") or given[-1]) if given else None
    inner = last.named_children[0] if last is not None and last.type == "rest_pattern" else None
    return (len(given) - 1, inner) if inner is not None and inner.type == "identifier" else None


def _spread(pattern: Node, body: Node | None) -> list[Node]:
    """`...[router, tenant]: Args` are two parameters like others."""
    inner = pattern.named_children[0] if pattern.type == "rest_pattern" and pattern.named_children else None
    if inner is not None and inner.type == "identifier":
        inner = _taken_apart(text_of(inner), body)
    return list(inner.named_children) if inner is not None and inner.type == "array_pattern" else [pattern]


def _taken_apart(name: str, body: Node | None) -> Node | None:
    """The pattern of `const [a, b] = name` among a function's own statements."""
    for statement in body.named_children if body is not None and body.type == "statement_block" else ():
        for declarator in statement.named_children if statement.type in DECLARATIONS else ():
            pattern, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
            if pattern is not None and pattern.type == "array_pattern" and text_of(value) == name:
                return pattern
    return None
