"""The actions of Astro: functions of `src/actions` that the browser calls by an address of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, property_of
from auditor.facts.endpoints import Endpoint
from auditor.facts.routed import open_target
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import line_of, text_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols, Target

ACTIONS = re.compile(r"src/actions(?:/index)?\.[cm]?[jt]s")
_MAX_NESTED = 4


def actions_of(symbols: Symbols, path: str) -> Iterator[Endpoint]:
    """Each function of `export const server = { like: defineAction({ input, handler }), user: { … } }`."""
    if "server" in symbols.module(path).exports:
        yield from _of_object(symbols, symbols.exported(path, "server"), "", _MAX_NESTED)


def _of_object(symbols: Symbols, held: Target | None, name: str, depth: int) -> Iterator[Endpoint]:
    if not isinstance(held, Site) or depth == 0:
        return
    if held.node.type == "object":
        for child in held.node.named_children:
            key, value = _entry(child)
            inner = symbols.resolve(held.path, value) if value is not None else None
            whole = f"{name}.{key}".strip(".") if key else name
            yield from _of_object(symbols, inner, whole, depth if child.type == "spread_element" else depth - 1)
    elif held.node.type == "call_expression" and name:
        yield from _action(symbols, held, name)
    elif held.node.type == "program":  # `export * as user from "./user"`
        for key in symbols.module(held.path).exports:
            yield from _of_object(symbols, symbols.exported(held.path, key), f"{name}.{key}".strip("."), depth - 1)


def _entry(child: Node) -> tuple[str, Node | None]:
    if child.type == "spread_element":
        return "", child.named_children[0] if child.named_children else None
    if child.type == "shorthand_property_identifier":
        return text_of(child), child
    return text_of(child.child_by_field_name("key")).strip("\"'"), child.child_by_field_name("value")


def _action(symbols: Symbols, call: Site, name: str) -> Iterator[Endpoint]:
    """One `defineAction`, or a function of the project that makes one and is asked before it."""
    options = next((given for given in arguments_of(call.node) if given.type == "object"), None)
    handler = property_of(options, "handler") if options is not None else None
    if options is None or handler is None:
        return
    opened = open_target(symbols, symbols.resolve(call.path, handler), f"handler of {name}")
    at = opened.handler or Site(call.path, handler)
    called = symbols.called(call.path, call.node)
    maker = call.node.child_by_field_name("function") or call.node
    before = () if isinstance(called, External) and called.last == "defineAction" else (Site(call.path, maker),)
    yield Endpoint(
        "Astro", "POST", f"/_actions/{name}", FileSpan(at.path, line_of(at.node)), opened.handler,
        (*before, *opened.wrappers), schemas=frozenset(["*"] if property_of(options, "input") is not None else []),
        lost=opened.lost,
    )  # fmt: skip
