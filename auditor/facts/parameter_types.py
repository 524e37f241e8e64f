"""What the type of a handler's parameter lets a library check when the program runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import CLASSES
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_NAMED = re.compile(r"[A-Z]\w*")
_PLAIN = re.compile(r"(?:Record|Partial|Object|Map|Array|Pick|Omit|Required|Readonly|Promise|Request|Response)\b")


def is_checked(symbols: Symbols, parameter: Site, *, by_class: bool = True) -> bool:
    """Whether a parameter has a type to check it against; `by_class` where only a class is there at run time.

    What a name stands for that leads out of the repository is not known: it is taken for a class.
    """
    written = text_of(parameter.node.child_by_field_name("type")).lstrip(": ").removesuffix("[]")
    if not by_class:
        return bool(written) and not re.match(r"(?:any|unknown|object|Record|\{\s*\})\b", written)
    match = _NAMED.match(written)
    if match is None or _PLAIN.match(written):
        return False
    name = _identifier(parameter.node.child_by_field_name("type"))
    target = symbols.resolve(parameter.path, name) if name is not None else None
    if isinstance(target, Site) and target.node.type in CLASSES:
        return True
    return not _only_a_type(symbols, parameter.path, match[0])


def _identifier(node: Node | None) -> Node | None:
    """The first name in an annotation."""
    waiting = [node] if node is not None else []
    while waiting:
        current = waiting.pop()
        if current.type == "type_identifier":
            return current
        waiting.extend(reversed(current.named_children))
    return None


def _only_a_type(symbols: Symbols, path: str, name: str) -> bool:
    """Whether a name is an interface or an alias, which are gone when the program runs: here, or at its import."""
    declared = re.compile(rf"\b(?:interface|type)\s+{re.escape(name)}\b")
    text = symbols.code.text(path)
    if declared.search(text) or re.search(rf"import\s+type\s*\{{[^}}]{{0,2000}}\b{re.escape(name)}\b", text):
        return True
    source = re.search(
        rf"import\s*\{{[^}}]{{0,2000}}\b{re.escape(name)}\b[^}}]{{0,2000}}\}}\s*from\s*[\"']([^\"'\n]+)", text
    )
    target = symbols.specifiers.resolve(path, source[1]) if source else None
    return target is not None and target in symbols.code.files and bool(declared.search(symbols.code.text(target)))
