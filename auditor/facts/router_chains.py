"""Registrations on a router that are chained: `router.route("/p").get(list).post(add)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, string_of, unwrap
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

METHODS = {"get", "post", "put", "patch", "delete", "del", "options", "head", "all", "ws"}
CHAINED = METHODS | {
    "use",
    "on",
    "route",
    "basePath",
    "openapi",
    "openapiRoutes",
    "mount",
    "onError",
    "notFound",
    "doc",
    "param",
    "register",
}
_MAX_CHAIN = 30


def link_of(node: Node) -> tuple[Node, Node | None] | None:
    """What a registration is chained to, and the base path that it sets; None for every other expression."""
    function = node.child_by_field_name("function") if node.type == "call_expression" else None
    if function is None or function.type != "member_expression":
        return None
    name, held = text_of(function.child_by_field_name("property")), function.child_by_field_name("object")
    given = arguments_of(node)
    if name not in CHAINED or held is None or (name in METHODS and not given):
        return None
    return held, given[0] if name == "basePath" and given else None


def path_of_chain(held: Node) -> Node | None:
    """The path that a chained `.get(handler)` belongs to: of `router.route('/p')`, or of the link before it."""
    node = unwrap(held)
    for _ in range(_MAX_CHAIN):
        link = link_of(node)
        if link is None:
            return None
        given, function = arguments_of(node), node.child_by_field_name("function")
        name = text_of(function.child_by_field_name("property")) if function is not None else ""
        if (name == "route" and len(given) == 1) or (name in METHODS and string_of(given[0]) is not None):
            return given[0]
        if name not in METHODS:
            return None
        node = unwrap(link[0])
    return None
