"""Branches of a handler that serve one method: `if (req.method === "POST") { … }`, `case "POST": …`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

_VERBS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_IS = re.compile(r"\bmethod\s*===?\s*[\"'](\w+)[\"']|[\"'](\w+)[\"']\s*===?\s*[\w.]*\bmethod\b")
_SWITCHED = re.compile(r"\bmethod\b[\w.()]*\s*\)?$")


def of_other_method(node: Node, method: str) -> bool:
    """Whether code stands in a branch that only a method other than this one takes."""
    inner, outer = node, node.parent
    while outer is not None and method in _VERBS:
        served = _served(outer, inner)
        if served and method not in served:
            return True
        inner, outer = outer, outer.parent
    return False


def _served(outer: Node, inner: Node) -> set[str]:
    """The methods of a branch; none where it is not told."""
    if outer.type == "if_statement" and inner == outer.child_by_field_name("consequence"):
        condition = text_of(outer.child_by_field_name("condition"))
        found = {first or second for first, second in _IS.findall(condition)}
        told = found if "||" not in condition or condition.count("||") == len(_IS.findall(condition)) - 1 else set()
        return {verb.upper() for verb in told} & _VERBS
    return _cases(outer) if outer.type == "switch_case" else set()


def _cases(case: Node) -> set[str]:
    """The method of a case, and of those before it that fall through to it."""
    switch = case.parent.parent if case.parent is not None else None
    if switch is None or not _SWITCHED.search(text_of(switch.child_by_field_name("value"))):
        return set()
    found: set[str] = set()
    one: Node | None = case
    while one is not None and one.type == "switch_case" and (one == case or not one.children_by_field_name("body")):
        found.add(text_of(one.child_by_field_name("value")).strip("\"'`").upper())
        one = one.prev_named_sibling
    return found if found <= _VERBS else set()
