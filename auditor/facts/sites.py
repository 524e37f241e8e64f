"""Places in a syntax tree: their names in a report, calls and their arguments, and literal values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.syntax import enclosing_function, line_of, text_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from tree_sitter import Node

FUNCTIONS = {
    "function_declaration", "function_definition", "method_definition", "arrow_function", "function_expression",
    "generator_function_declaration", "generator_function", "lambda",
}  # fmt: skip
_WRAPPERS = {
    "parenthesized_expression", "non_null_expression", "as_expression", "satisfies_expression", "await_expression",
    "await", "type_assertion",
}  # fmt: skip
_INNER = re.compile(r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)")
_PLAIN = {"string_fragment", "string_content", "escape_sequence", "string_start", "string_end"}
_BROWSER = tuple(
    f"from {quote}{package}{quote}"
    for package in (
        "vue",
        "pinia",
        "vue-router",
        "svelte",
        "svelte/store",
        "zustand",
        "@tanstack/react-query",
        "react-dom",
    )
    for quote in "'\""
)
_CLIENT = re.compile(r"^\s*(?:(?://[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)\s*)*[\"']use client[\"']")


def subject_of(kind: str, path: str, node: Node, seen: Counter[str]) -> str:
    """`kind path:function`, numbered where a function has several; `seen` counts them."""
    function = enclosing_function(node)
    subject = f"{kind} {path}:{function}"
    seen[subject] += 1
    return f"{subject}#{seen[subject]}" if seen[subject] > 1 else subject


def span_of(path: str, node: Node) -> FileSpan:
    return FileSpan(path, line_of(node), node.end_point[0] + 1)


def ancestors(node: Node) -> Iterator[Node]:
    current = node.parent
    while current is not None:
        yield current
        current = current.parent


def outermost_function(node: Node) -> Node:
    """The function around a node with no function around it, else the whole file."""
    found = node
    around = list(ancestors(node))
    for outer in around:
        found = outer if outer.type in FUNCTIONS else found
    return found if found != node or not around else around[-1]


def innermost_function(node: Node) -> Node | None:
    return next((outer for outer in ancestors(node) if outer.type in FUNCTIONS), None)


def arguments(call: Node) -> list[Node]:
    """The arguments of a call, without comments; a tagged template has none."""
    holder = call.child_by_field_name("arguments")
    if holder is None or holder.type == "template_string":
        return []
    return [child for child in holder.named_children if child.type != "comment"]


def unwrapped(node: Node) -> Node:
    """The outermost of the parentheses, casts and awaits around an expression."""
    while node.parent is not None and node.parent.type in _WRAPPERS:
        node = node.parent
    return node


def stripped(node: Node) -> Node:
    """The expression inside parentheses, casts and awaits."""
    while node.type in _WRAPPERS and node.named_children:
        node = node.named_children[0]
    return node


def outermost(text: str) -> str:
    """A chain of calls without what they are given: `z.object().passthrough()`."""
    previous = ""
    while previous != text:
        previous, text = text, _INNER.sub("()", text)
    return text


def literal(node: Node | None) -> str | None:
    """The value of a string literal without holes; None for everything else."""
    if node is None or node.type not in {"string", "template_string"}:
        return None
    if any(child.type not in _PLAIN for child in node.named_children):
        return None
    return re.sub(r"^[rRbBuU]*(?:\"\"\"|'''|[\"'`])|(?:\"\"\"|'''|[\"'`])$", "", text_of(node))


def mentions(text: str, words: tuple[str, ...]) -> bool:
    """Whether a text has one of these words at all: far cheaper than a pattern, which most files then never meet."""
    return any(word in text for word in words)


def is_client_module(text: str) -> bool:
    """Whether a file says that it runs in a browser, by its first line or by what it imports."""
    return says_use_client(text) or mentions(text, _BROWSER)


def says_use_client(text: str) -> bool:
    """Whether the first words of a file, comments left out, say that it runs in a browser."""
    return _CLIENT.match(text) is not None


def is_component(path: str) -> bool:
    return path.endswith((".tsx", ".jsx"))
