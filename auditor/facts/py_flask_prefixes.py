"""Prefixes that a block puts before the rules in it: `with bp.add_prefixed_rules("/user/<int:id>", "/user"):`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.endpoints import join_paths
from auditor.facts.py_bindings import positional
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.py_names import PyNames
    from auditor.facts.symbols import Site

_NAMED = re.compile(r"prefix", re.IGNORECASE)


def prefixes_around(names: PyNames, call: Site) -> list[str]:
    """What comes before a rule: nothing, or what the block around it says, whose second prefix stands in for none."""
    function = call.node.child_by_field_name("function")
    held = text_of(function.child_by_field_name("object")) if function is not None else ""
    current = call.node.parent
    while current is not None:
        given = _given(names, call.path, current, held) if current.type == "with_statement" else []
        if given:
            return list(dict.fromkeys([given[0], given[1] if len(given) > 1 else ""]))
        current = current.parent
    return [""]


def below(prefix: str, rule: str) -> str:
    """A rule behind a prefix; nothing stands before one that is said to be whole: `!/admin`."""
    return join_paths(prefix, rule) if prefix and not rule.startswith("!/") else rule


def _given(names: PyNames, path: str, block: Node, held: str) -> list[str]:
    for item in nodes("python", block, "with_item"):
        value = item.child_by_field_name("value")
        function = value.child_by_field_name("function") if value is not None and value.type == "call" else None
        if value is None or function is None or function.type != "attribute":
            continue
        same = text_of(function.child_by_field_name("object")) == held
        if same and _NAMED.search(text_of(function.child_by_field_name("attribute"))):
            texts = [names.text_value(path, each) for each in positional(value)]
            return [text for text in texts if text is not None] if None not in texts else []
    return []
