"""The paths that `RouterModule.register([{ path, module, children }])` of NestJS puts before a module's controllers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import CLASSES, arguments_of, property_of
from auditor.facts.decorators import of_class
from auditor.facts.endpoints import join_paths
from auditor.facts.route_paths import paths_of
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.facts.symbols import Symbols

_REGISTERS = re.compile(r"(?:^|\.)RouterModule\s*\.\s*(?:register|forRoutes)$")
_MAX_DEPTH = 6

Placed = dict[tuple[str, int], list[str]]  # a controller's file and place, and what stands before its paths


def placed_controllers(symbols: Symbols, paths: Iterable[str]) -> Placed:
    """Every controller of a module that a tree of routes names."""
    found: Placed = {}
    for path in (path for path in paths if "RouterModule" in symbols.code.text(path)):
        for call in symbols.code.nodes(path, "call_expression"):
            if _REGISTERS.search(text_of(call.child_by_field_name("function"))) and arguments_of(call):
                for module, prefix in _listed(symbols, Site(path, arguments_of(call)[0]), "", _MAX_DEPTH):
                    for controller in _controllers(symbols, module):
                        prefixes = found.setdefault((controller.path, controller.start), [])
                        prefixes += [] if prefix in prefixes else [prefix]
    return found


def _listed(symbols: Symbols, tree: Site, prefix: str, depth: int) -> Iterator[tuple[Site, str]]:
    """(module, path) of each entry of a list of routes, and of their children."""
    target = symbols.resolve(tree.path, tree.node)
    if not isinstance(target, Site) or target.node.type != "array" or depth <= 0:
        return
    for child in target.node.named_children:
        inner = child.named_children[0] if child.type == "spread_element" and child.named_children else None
        if inner is not None:
            yield from _listed(symbols, Site(target.path, inner), prefix, depth - 1)
        else:
            yield from _entry(symbols, Site(target.path, child), prefix, depth)


def _entry(symbols: Symbols, entry: Site, prefix: str, depth: int) -> Iterator[tuple[Site, str]]:
    """`{ path, module, children }`, a name of one, or a module alone, which is where its parent is."""
    target = symbols.resolve(entry.path, entry.node)
    if isinstance(target, Site) and target.node.type in CLASSES:
        yield target, prefix
    if not isinstance(target, Site) or target.node.type != "object":
        return
    where, module, children = (property_of(target.node, key) for key in ("path", "module", "children"))
    own = paths_of(symbols, Site(target.path, where)) if where is not None else [""]
    whole = join_paths(prefix, *own[:1])
    held = symbols.resolve(target.path, module) if module is not None else None
    if isinstance(held, Site) and held.node.type in CLASSES:
        yield held, whole
    if children is not None:
        yield from _listed(symbols, Site(target.path, children), whole, depth - 1)


def _controllers(symbols: Symbols, module: Site) -> Iterator[Site]:
    """The classes of `@Module({ controllers: [ … ] })`."""
    for name, decorator in of_class(module.path, module.node):
        given = arguments_of(decorator.node) if decorator.node.type == "call_expression" else []
        if name != "Module" or not given or given[0].type != "object":
            continue
        written = property_of(given[0], "controllers")
        listed = symbols.resolve(module.path, written) if written is not None else None
        for child in listed.node.named_children if isinstance(listed, Site) and listed.node.type == "array" else ():
            target = symbols.resolve(listed.path, child) if isinstance(listed, Site) else None
            if isinstance(target, Site) and target.node.type in CLASSES:
                yield target
