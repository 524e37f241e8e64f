"""Classes that are routers themselves: `class NoteRouter extends Router { constructor() { this.get(…) } }`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import CLASSES, arguments_of, property_of, returned
from auditor.facts.class_members import members_of
from auditor.facts.route_paths import text_at
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

THIS = "this"
_MAX_BASES = 4


def lineage(symbols: Symbols, made: Site) -> list[Site | External]:
    """A class, those of this repository that it extends, and at last what a package gives, if it comes to that."""
    found: list[Site | External] = [made]
    for _ in range(_MAX_BASES):
        last = found[-1]
        base = _extended(symbols, last) if isinstance(last, Site) else None
        if base is None:
            return found
        found.append(base)
    return found


def _extended(symbols: Symbols, target: Site) -> Site | External | None:
    heritage = next((child for child in target.node.named_children if child.type == "class_heritage"), None)
    clause = heritage.named_children[0] if heritage is not None and heritage.named_children else None
    base = clause.child_by_field_name("value") if clause is not None else None
    base = clause if base is None else base
    found = symbols.resolve(target.path, base) if base is not None else None
    known = isinstance(found, External) or (isinstance(found, Site) and found.node.type in CLASSES)
    return found if known and isinstance(found, Site | External) else None


def constructors(classes: list[Site | External]) -> list[Site]:
    """What each class of this repository runs when one is made, the outermost base first."""
    made = (each for each in reversed(classes) if isinstance(each, Site))
    found = ((each, members_of(each.node).get("constructor")) for each in made)
    return [Site(each.path, maker) for each, maker in found if maker is not None]


def prefix_of(symbols: Symbols, classes: list[Site | External]) -> str:
    """The prefix of `super({ prefix: "/v1" })`."""
    for maker in constructors(classes):
        for call in nodes(symbols.code.files[maker.path], maker.node, "call_expression"):
            given = arguments_of(call) if text_of(call.child_by_field_name("function")) == "super" else []
            option = property_of(given[0], "prefix") if given and given[0].type == "object" else None
            if option is not None:
                return text_at(symbols, Site(maker.path, option)) or ""
    return ""


def method_around(node: Node) -> Node | None:
    """The method whose `this` a node is: arrow functions have none of their own."""
    current = node.parent
    while current is not None and current.type not in {"method_definition", "function_declaration", *CLASSES}:
        current = current.parent
    return current if current is not None and current.type == "method_definition" else None


def methods_of(classes: list[Site]) -> Iterator[tuple[str, Site]]:
    """(name, method) of what these classes declare besides their constructors."""
    for each in classes:
        for name, node in members_of(each.node).items():
            if node.type == "method_definition" and name != "constructor":
                yield name, Site(each.path, node)


def kept_by(symbols: Symbols, holder: Site, key: str, depth: int = _MAX_BASES) -> Site | None:
    """The value that a class, or one that it extends, keeps as `this.key`; `get key() { return this.other }` too."""
    for each in lineage(symbols, holder):
        if not isinstance(each, Site):
            return None
        value = members_of(each.node).get(key) or symbols.assigned(each.path, each.node, f"this.{key}")
        if value is not None and value.type == "method_definition":
            named = [text_of(back) for back in returned(value) if text_of(back).startswith("this.")]
            return kept_by(symbols, holder, named[0].removeprefix("this."), depth - 1) if named and depth else None
        if value is not None:
            return Site(each.path, value)
    return None


def serves(symbols: Symbols, holder: Site) -> bool:
    """Whether a class extends a server of some package, whose application is Express by all that its file says."""
    base = lineage(symbols, holder)[-1]
    named = isinstance(base, External) and re.search(r"Server$|App(?:lication)?$", base.last)
    return bool(named) and "express" in symbols.code.text(holder.path)


def taken_out(symbols: Symbols, path: str, name: Node) -> Node:
    """The `this.app` of `const app = this.app`, else the name itself."""
    declared = symbols.code.nodes(path, "variable_declarator")
    own = (each for each in declared if text_of(each.child_by_field_name("name")) == text_of(name))
    values = (each.child_by_field_name("value") for each in own)
    return next((each for each in values if each is not None and text_of(each) == f"{THIS}.{text_of(name)}"), name)


def within(inner: Site, outer: Site) -> bool:
    first, last = outer.node.start_byte, outer.node.end_byte
    return inner.path == outer.path and first <= inner.node.start_byte < last
