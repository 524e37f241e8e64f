"""Addresses of Python with a secret of the environment in them: `f"/telegram/{settings.BOT_TOKEN}"`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.path_secrets import reads_setting, secret_read, sounds_secret
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.py_names import PyNames

_MAX_HOPS = 3


def path_secret_of(names: PyNames, path: str, node: Node | None, hops: int = _MAX_HOPS) -> str:
    """Why only those who were told reach an address; empty for one that anybody can guess."""
    found = _setting(names, path, node, hops)
    return f"a secret in its path ({found})" if found else ""


def _setting(names: PyNames, path: str, node: Node | None, hops: int) -> str:
    if node is None or hops <= 0:
        return ""
    if node.type == "identifier":
        value = names.resolve(path, node)
        return _setting(names, value.path, value.node, hops - 1) if isinstance(value, Site) else ""
    if node.type not in {"string", "binary_operator", "concatenated_string"}:
        return ""
    for part in nodes("python", node, "identifier", "attribute", "subscript", "call"):
        written = text_of(part)
        if part.parent is not None and part.parent.type in {"attribute", "argument_list", "call"}:
            continue
        if found := secret_read(written):
            return found
        value = names.resolve(path, part) if part.type == "identifier" else None
        if isinstance(value, Site) and value.node != part and (found := _of_constant(names, value, written, hops)):
            return found
    return ""


def _of_constant(names: PyNames, value: Site, name: str, hops: int) -> str:
    written = text_of(value.node)
    if value.node.type in {"call", "subscript", "attribute", "boolean_operator"}:
        return secret_read(written) or (reads_setting(written) if sounds_secret(name) else "")
    return _setting(names, value.path, value.node, hops - 1)
