"""Which methods a page of Next.js's `pages/api` answers, where its wrapper or the shape of its branches says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, string_of
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols, Target

_LISTS = ("methods", "allowedMethods", "allowMethods")
_TELLS = re.compile(r"\bmethod\b\s*===?\s*[\"'`](\w+)[\"'`]")
_REFUSES = re.compile(
    r"\b405\b|not[\s_]*allowed|not[\s_]*supported|\bthrow\b|\bMETHOD_NOT|[\"']Allow[\"']", re.IGNORECASE
)


def stated_methods(target: Target | None, known: Iterable[str]) -> list[str]:
    """The methods of `withApi(handler, { methods: ["GET", "POST"] })`; none where the wrapper is not told."""
    call = target.node if isinstance(target, Site) and target.node.type == "call_expression" else None
    for options in (each for each in (arguments_of(call) if call is not None else []) if each.type == "object"):
        listed = next((found for key in _LISTS if (found := property_of(options, key)) is not None), None)
        if listed is None or listed.type != "array":
            continue
        texts = [(string_of(each) or "").upper() for each in listed.named_children if each.type != "comment"]
        if texts and set(texts) <= set(known):
            return texts
    return []


def otherwise_answers(symbols: Symbols, handler: Site) -> bool:
    """Whether the last `else` of the branches on the method answers too: then it is there for reading."""
    if handler.node.type not in FUNCTIONS:
        return False
    for branch in nodes(symbols.code.files[handler.path], handler.node, "if_statement"):
        told = _TELLS.search(text_of(branch.child_by_field_name("condition")))
        if told and told[1] != "GET" and (last := _last(branch)) is not None:
            return "(" in text_of(last) and _REFUSES.search(text_of(last)) is None
    return False


def _last(branch: Node) -> Node | None:
    """The final `else` of a chain, None where it has none or where a link of it asks for something else."""
    other = branch.child_by_field_name("alternative")
    inner = other.named_children[0] if other is not None and other.named_children else None
    if inner is None or inner.type != "if_statement":
        return inner
    told = _TELLS.search(text_of(inner.child_by_field_name("condition")))
    return _last(inner) if told and told[1] != "GET" else None
