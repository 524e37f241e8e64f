"""What tells that a function is a plugin of Fastify, and its first parameter an instance."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

_TYPES = re.compile(r"Fastify\w*Instance\w*\b")
_PLUGIN_TYPES = re.compile(r"FastifyPlugin\w*\b")
_NAMES = re.compile(r"^(?:fastify|instance|app|server|api|router|scope)$|[fF]astify")


def names_fastify(text: str) -> bool:
    """Whether a file speaks of Fastify at all."""
    return "fastify" in text.lower()


def takes_instance(function: Node, parameter: str, annotation: str, text: str) -> bool:
    """Whether a function is given an instance: by the type of the parameter or of the function, else by its name or
    by where it stands, in a `text` that speaks of Fastify.
    """
    if _TYPES.search(annotation) or _PLUGIN_TYPES.search(_typed(function)):
        return True
    named = (not annotation and _NAMES.search(parameter)) or _is_registered(function)
    return bool(named and names_fastify(text))


def _typed(function: Node) -> str:
    """The type of the variable that a function is given to: `const plugin: FastifyPluginAsync = async (app) => …`."""
    holder = function.parent
    while holder is not None and holder.type in {"satisfies_expression", "as_expression", "parenthesized_expression"}:
        if _PLUGIN_TYPES.search(text_of(holder)[-80:]):
            return text_of(holder)[-80:]
        holder = holder.parent
    return text_of(holder.child_by_field_name("type")) if holder is not None else ""


def _is_registered(function: Node) -> bool:
    """Whether a function stands as a plugin where it is registered."""
    call = function.parent.parent if function.parent is not None and function.parent.type == "arguments" else None
    called = call.child_by_field_name("function") if call is not None else None
    return called is not None and text_of(called.child_by_field_name("property")) == "register"


def plugin_around(node: Node) -> Node | None:
    """The plugin, written where it is registered, that a call stands in."""
    current = node.parent
    while current is not None and not (current.type in FUNCTIONS and _is_registered(current)):
        current = current.parent
    return current
