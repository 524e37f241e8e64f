"""Which router answers where a platform is given a handler: `app.fetch`, `handle(app)`, `router.handler()`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, unwrap
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.router_roots import Roots, Router
    from auditor.facts.symbols import Target

_ANSWERS = {"fetch", "handler", "handle", "run", "callback"}
_FURTHER = FUNCTIONS | {"object", "call_expression", "new_expression"}
_MAX_CALLS = 40


def router_behind(roots: Roots, target: Target | None) -> Router | None:
    """The router that a handler hands every request to; None for a handler that answers itself."""
    if not isinstance(target, Site):
        return None
    node = unwrap(target.node)
    fetch = property_of(node, "fetch") if node.type == "object" else None
    if fetch is not None:
        return router_behind(roots, Site(target.path, fetch))
    if node.type in FUNCTIONS:
        calls = nodes(roots.symbols.code.files[target.path], node, "call_expression")[:_MAX_CALLS]
        return next((found for call in calls if (found := _answering(roots, target.path, call))), None)
    if node.type in {"call_expression", "new_expression"}:
        return _made(roots, Site(target.path, node))
    found = _answering(roots, target.path, node)
    if found is not None or node.type not in {"identifier", "member_expression"}:
        return found
    behind = roots.symbols.resolve(target.path, node)
    return router_behind(roots, behind) if isinstance(behind, Site) and behind.node.type in _FURTHER else None


def _made(roots: Roots, call: Site) -> Router | None:
    """The router of `nc().get(…)`, of `router.handler()`, and of `handle(app)`."""
    for node in (call.node, *arguments_of(call.node)):
        found = _real(roots.locate(call.path, node)) or _answering(roots, call.path, node)
        if found is not None:
            return found
    return None


def _answering(roots: Roots, path: str, node: Node) -> Router | None:
    """The router of `app`, `app.fetch` and `app.fetch(request)`."""
    called = node.child_by_field_name("function") if node.type == "call_expression" else node
    if called is None or called.type != "member_expression":
        return _real(roots.locate(path, node)) if node.type == "identifier" else None
    held = called.child_by_field_name("object")
    if held is None or text_of(called.child_by_field_name("property")) not in _ANSWERS:
        return None
    return _real(roots.locate(path, held))


def _real(router: Router | None) -> Router | None:
    return router if router is not None and router.parameter is None else None
