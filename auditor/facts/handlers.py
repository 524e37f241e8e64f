"""Functions that answer a request, as far as one file shows them: in route calls, route modules, below decorators."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tree_sitter import Node

_METHODS = {"get", "post", "put", "patch", "delete", "options", "all", "head", "on", "openapi"}
_VERBS = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"}
_FUNCTIONS = {"arrow_function", "function_expression", "function_declaration"}
_CLIENTS = re.compile(r"(?i)(?:axios|fetch\w*|http|https|client|\$|ky|got|request|nock|cache|map|redis|cy|page|test)$")
_ROUTE_MODULE = re.compile(r"(?:^|/)app/(?:.*/)?route\.[jt]sx?$")
_PAGES_API = re.compile(r"(?:^|/)pages/api/.*\.[jt]sx?$")
_DECORATOR = re.compile(r"@[\w.]+\.(?:route|get|post|put|patch|delete|api_route)\s*\(")


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that answers requests; `name` is its method and path, or what it is called."""

    name: str
    node: Node


def handlers(path: str, language: str, root: Node) -> Iterator[Handler]:
    """The handlers of one file, in the order of the text."""
    if language == "python":
        yield from _decorated(root)
        return
    named = _named(language, root)
    for call in nodes(language, root, "call_expression"):
        yield from _routed(call, named)
    if _ROUTE_MODULE.search(path) or _PAGES_API.search(path):
        for export in nodes(language, root, "export_statement"):
            yield from _exported(export, pages=not _ROUTE_MODULE.search(path))


def _decorated(root: Node) -> Iterator[Handler]:
    for node in nodes("python", root, "decorated_definition"):
        function = node.child_by_field_name("definition")
        marks = [text_of(child) for child in node.children if child.type == "decorator"]
        if function is not None and function.type == "function_definition" and any(map(_DECORATOR.match, marks)):
            yield Handler(text_of(function.child_by_field_name("name")), function)


def _named(language: str, root: Node) -> dict[str, Node]:
    """The functions of a file by their names, so that `app.get("/path", list)` leads to `list`."""
    found: dict[str, Node] = {}
    for node in nodes(language, root, "function_declaration", "variable_declarator"):
        function = node if node.type == "function_declaration" else node.child_by_field_name("value")
        if function is not None and function.type in _FUNCTIONS:
            found.setdefault(text_of(node.child_by_field_name("name")), function)
    return found


def _routed(call: Node, named: dict[str, Node]) -> Iterator[Handler]:
    """`app.get("/path", …, handler)`, `fastify.route({ handler })` and `Deno.serve(handler)`."""
    callee, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
    if callee is None or arguments is None or not arguments.named_children:
        return
    first = arguments.named_children[0]
    name = text_of(callee)
    if name in {"Deno.serve", "serve"}:
        yield from (Handler(name, node) for node in _functions(arguments.named_children[-1], named))
    if callee.type != "member_expression" or _CLIENTS.search(text_of(callee.child_by_field_name("object"))):
        return
    method = text_of(callee.child_by_field_name("property"))
    if method in _METHODS and (first.type in {"string", "template_string"} or method in {"on", "openapi"}):
        label = f"{method.upper()} {text_of(first)[1:-1]}" if first.type == "string" else method.upper()
        yield from (Handler(label, node) for node in _mounted(arguments.named_children[1:], named))
    elif method == "route" and first.type == "object":
        yield from (Handler("ROUTE", node) for pair in first.named_children for node in _functions(pair, named))


def _mounted(arguments: list[Node], named: Mapping[str, Node]) -> Iterator[Node]:
    """The functions written out behind a path, and the one that the last name stands for: names before it guard."""
    for argument in arguments:
        yield from _functions(argument, named if argument == arguments[-1] else {})


def _exported(export: Node, *, pages: bool) -> Iterator[Handler]:
    declared = export.child_by_field_name("declaration") or export.child_by_field_name("value")
    if declared is None:
        return
    if pages:
        if any(child.type == "default" for child in export.children):
            yield from (Handler("default", node) for node in _functions(declared, {}))
        return
    items = declared.named_children if declared.type == "lexical_declaration" else [declared]
    for item in items:
        name = text_of(item.child_by_field_name("name"))
        if name in _VERBS:
            yield from (Handler(name, node) for node in _functions(item, {}))


def _functions(node: Node, named: Mapping[str, Node]) -> Iterator[Node]:
    """The outermost functions of a piece of code: the handler itself or its name, or what a wrapper is given."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if current.type in _FUNCTIONS:
            yield current
        elif current.type == "identifier" and text_of(current) in named:
            yield named[text_of(current)]
        else:
            waiting.extend(reversed(current.named_children))
