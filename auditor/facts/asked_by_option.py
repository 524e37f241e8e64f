"""Wrappers that ask who calls only where their options say so: `withApi(handler, { methods: [], user: true })`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, unwrap
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_REFUSES = re.compile(r"\b40[13]\b|unauthori[sz]ed|forbidden|\bthrow\b|not logged|redirect", re.IGNORECASE)
_CALLER = re.compile(r"user|session|auth|token|caller|api_?key|login", re.IGNORECASE)
_CHOSEN = re.compile(r"^\(\s*(?P<options>\w+)\??\.(?P<key>\w+)(?:\s*===?\s*true)?\s*\)$")


def spared_by_options(symbols: Symbols, guard: Site) -> bool:
    """Whether a wrapper asks nobody here: it would by an option, and the options of this call do not have it."""
    call = guard.node.parent
    if call is None or call.type != "call_expression" or call.child_by_field_name("function") != guard.node:
        return False
    wrapper = symbols.resolve(guard.path, guard.node)
    if not isinstance(wrapper, Site) or wrapper.node.type not in FUNCTIONS:
        return False
    asking = list(_asking(symbols, wrapper))
    if not asking or _REFUSES.search(_beside(symbols, wrapper, [branch for branch, _, _ in asking])):
        return False
    return all(_is_left_out(symbols, Site(guard.path, call), wrapper, name, key) for _, name, key in asking)


def _asking(symbols: Symbols, wrapper: Site) -> Iterator[tuple[Node, str, str]]:
    """(branch, options, key) of what turns strangers away below `if (options.key)`."""
    for branch in nodes(symbols.code.files[wrapper.path], wrapper.node, "if_statement"):
        chosen = _CHOSEN.match(text_of(branch.child_by_field_name("condition")))
        then = text_of(branch.child_by_field_name("consequence"))
        if chosen and _REFUSES.search(then) and _CALLER.search(then):
            yield branch, chosen["options"], chosen["key"]


def _beside(symbols: Symbols, wrapper: Site, branches: list[Node]) -> str:
    """What a wrapper does else, without comments and the helpers that it puts on the request or the answer."""
    inside = nodes(symbols.code.files[wrapper.path], wrapper.node, "assignment_expression", "comment")
    helpers = [each for each in inside if each.type == "comment" or _is_helper(each)]
    text, start = wrapper.node.text or b"", wrapper.node.start_byte
    for each in (*branches, *helpers):
        text = text[: each.start_byte - start] + b" " * len(each.text or b"") + text[each.end_byte - start :]
    return text.decode("utf-8", "replace")


def _is_helper(assigned: Node) -> bool:
    value = assigned.child_by_field_name("right")
    return value is not None and value.type in FUNCTIONS


def _is_left_out(symbols: Symbols, call: Site, wrapper: Site, name: str, key: str) -> bool:
    """Whether the options of a call, or else the wrapper's own, are known and say nothing of a key."""
    given = _given(symbols, call, wrapper, name)
    if given is None or any(child.type == "spread_element" for child in given.named_children):
        return False
    value = property_of(given, key)
    return value is None or text_of(value) == "false"


def _given(symbols: Symbols, call: Site, wrapper: Site, name: str) -> Node | None:
    listed = wrapper.node.child_by_field_name("parameters")
    for index, each in enumerate(listed.named_children if listed is not None else ()):
        if text_of(each.child_by_field_name("pattern") or each.child_by_field_name("left") or each) != name:
            continue
        written = dict(enumerate(arguments_of(call.node))).get(index)
        default = each.child_by_field_name("value") or each.child_by_field_name("right")
        value = symbols.resolve(call.path, written) if written is not None else None
        known = unwrap(default) if written is None and default is not None else None
        held = value.node if isinstance(value, Site) else known
        return held if held is not None and held.type == "object" else None
    return None
