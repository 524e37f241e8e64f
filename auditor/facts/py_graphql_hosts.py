"""What answers for GraphQL in Python, and what stands before it: a view, a router, a function that runs the schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of
from auditor.facts.units import is_test

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.py_names import PyNames

_VIEW = re.compile(
    r"^(?:strawberry\w*|graphene_django\w*|ariadne\w*|flask_graphql|graphql_server|graphene_file_upload)\b.*GraphQLView$"
)
APPLICATION = re.compile(
    r"^(?:strawberry|ariadne|starlette_graphene3?|starlette\.graphql)\b.*\.GraphQL(?:Router|App|HTTPHandler)?$"
)
_EXECUTES = re.compile(
    r"\b(?:graphql_sync|graphql)\(\s*(?:\w*schema\b|query\b|\w+,\s*data)|\bschema\.execute(?:_\w+)?\("
)
_DECLARES = {"path", "re_path", "url", "add_url_rule", "as_view"}


def hosts_graphql(names: PyNames, endpoint: Endpoint) -> bool:
    """Whether an endpoint only hands requests to a schema."""
    handler = endpoint.handler
    if handler is None:
        return "GraphQL" in endpoint.lost
    if handler.node.type == "function_definition":
        return "graphql" in names.code.text(handler.path) and bool(_EXECUTES.search(text_of(handler.node)))
    if handler.node.type == "call":
        return bool(APPLICATION.match(_dotted_class(names, handler)))
    return handler.node.type == "class_definition" and _is_view(names, handler)


def mounted_views(names: PyNames) -> Iterator[tuple[Site, ...]]:
    """What each view of a library is wrapped in where it is mounted: `login_required(GraphQLView.as_view(…))`."""
    for path in names.paths():
        if "GraphQLView" not in names.code.text(path) or is_test(path):
            continue
        for call in names.code.nodes(path, "call"):
            function = call.child_by_field_name("function")
            if function is None or not text_of(function).endswith(".as_view"):
                continue
            found = names.resolve(path, function.child_by_field_name("object"))
            if isinstance(found, External) and _VIEW.match(names.dotted(found)):
                yield tuple(_wrappers(path, call))


def _wrappers(path: str, call: Node) -> Iterator[Site]:
    current: Node | None = call.parent
    while current is not None and current.type in {"argument_list", "call", "keyword_argument"}:
        function = current.child_by_field_name("function") if current.type == "call" else None
        if function is not None and text_of(function).rsplit(".", 1)[-1] in _DECLARES:
            return
        if function is not None:
            yield Site(path, function)
        current = current.parent


def _is_view(names: PyNames, owner: Site) -> bool:
    if re.search(r"GraphQL\w*View$", text_of(owner.node.child_by_field_name("name"))):
        return True
    return any(isinstance(base, External) and _VIEW.match(names.dotted(base)) for base in names.bases(owner))


def _dotted_class(names: PyNames, call: Site) -> str:
    made = names.made(call)
    if isinstance(made, Site):
        return next((names.dotted(base) for base in names.bases(made) if isinstance(base, External)), "")
    return names.dotted(made).removesuffix("()")
