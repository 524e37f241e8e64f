"""Registrations inside a loop over a literal table: once for each of its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, returned, unwrap
from auditor.facts.symbols import Parameter, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_LOOPS = {"forEach", "map", "flatMap"}
_MAX_ROWS = 300
_Row = Site | tuple[Site, Site]  # an element, or key and value of a property


@dataclass(slots=True)
class Tables:
    """Finds the rows behind the names that a loop declares."""

    symbols: Symbols
    _rows: dict[tuple[str, int, int], list[_Row]] = field(default_factory=dict)

    def forget(self) -> None:
        """Let go of the rows; they are read again where they are asked for."""
        self._rows = {}

    def each(self, sites: list[Site]) -> list[list[Site]]:
        """The expressions once for each row of the loop around them; once as they stand where there is none."""
        taken = [self._taken(site) for site in sites]
        loop = next((found[0] for found in taken if found is not None), None)
        if loop is None:
            return [sites]
        rows = self._rows_of(loop.site)
        return [[self._filled(*pair, loop, row) for pair in zip(sites, taken, strict=True)] for row in rows] or [sites]

    def _taken(self, site: Site) -> tuple[Parameter, str] | None:
        """What a loop declares, and the property of it that an expression is."""
        node = unwrap(site.node)
        if node.type not in {"identifier", "member_expression"}:
            return None
        target = self.symbols.resolve(site.path, node)
        if not isinstance(target, Parameter) or target.index != 0 or not is_loop(target.site.node):
            return None
        return target, target.key

    def _filled(self, site: Site, taken: tuple[Parameter, str] | None, loop: Parameter, row: _Row) -> Site:
        if taken is None or taken[0].site != loop.site:
            return site
        if isinstance(row, tuple):
            return row[int(taken[1])] if taken[1] in {"0", "1"} else site
        whole = self.symbols.resolve(row.path, row.node)
        found = self.symbols.member(whole, taken[1]) if taken[1] and whole is not None else whole
        return found if isinstance(found, Site) else (row if not taken[1] else site)

    def _rows_of(self, loop: Site) -> list[_Row]:
        place = (loop.path, loop.node.start_byte, loop.node.end_byte)
        if place not in self._rows:
            listed = _listed(loop.node)
            self._rows[place] = list(self._elements(Site(loop.path, listed)))[:_MAX_ROWS] if listed is not None else []
        return self._rows[place]

    def _elements(self, listed: Site, depth: int = 3) -> Iterator[_Row]:
        entries = _entries(listed.node)
        if entries is None and depth and (nested := list(self._nested(listed, depth))):
            yield from nested
            return
        table = self.symbols.resolve(listed.path, listed.node if entries is None else entries)
        if not isinstance(table, Site) or depth == 0:
            return
        if table.node.type in {"array", "new_expression"} and entries is None:
            yield from self._listed(table, depth)
        elif table.node.type == "object" and entries is not None:
            for pair in table.node.named_children:
                key, value = pair.child_by_field_name("key"), pair.child_by_field_name("value")
                if key is not None and value is not None:
                    yield Site(table.path, key), Site(table.path, value)

    def _nested(self, listed: Site, depth: int) -> Iterator[_Row]:
        """The elements of `domain.mounts()`, or of `domain.routes`, for each `domain` of the loop around."""
        node = unwrap(listed.node)
        called = node.child_by_field_name("function") if node.type == "call_expression" else node
        held = (
            called.child_by_field_name("object") if called is not None and called.type == "member_expression" else None
        )
        if called is None or held is None or held.type != "identifier":
            return
        outer = self.symbols.resolve(listed.path, held)
        if not isinstance(outer, Parameter) or outer.key or not is_loop(outer.site.node):
            return
        for row in self._rows_of(outer.site):
            whole = self._described(row) if isinstance(row, Site) else None
            key = text_of(called.child_by_field_name("property"))
            value = self.symbols.member(whole, key) if whole is not None else None
            given = returned(value.node) if isinstance(value, Site) and value.node.type in FUNCTIONS else ()
            for each in given if node.type == "call_expression" else ():
                yield from self._elements(Site(value.path, each), depth - 1) if isinstance(value, Site) else ()
            if isinstance(value, Site) and node.type != "call_expression":
                yield from self._elements(value, depth - 1)

    def _described(self, row: Site) -> Site | None:
        """The object of a row, also inside a function that only types it: `defineDomain({ … })`."""
        whole = self.symbols.resolve(row.path, row.node)
        given = arguments_of(whole.node) if isinstance(whole, Site) and whole.node.type == "call_expression" else []
        if isinstance(whole, Site) and len(given) == 1 and given[0].type == "object":
            return Site(whole.path, given[0])
        return whole if isinstance(whole, Site) else None

    def _listed(self, table: Site, depth: int) -> Iterator[_Row]:
        """The elements of `[a, ...others]`, and of `new Map([["/a", a]])`."""
        made = table.node.type == "new_expression"
        for child in arguments_of(table.node)[:1] if made else table.node.named_children:
            if made or child.type == "spread_element":
                inner = child if made else child.named_children[0]
                yield from self._elements(Site(table.path, inner), depth - 1)
            elif child.type != "comment":
                yield Site(table.path, child)


def is_loop(node: Node) -> bool:
    return node.type == "for_in_statement" or _calling(node) is not None


def _calling(callback: Node) -> Node | None:
    """The `rows.forEach` that a callback is given to."""
    call = callback.parent.parent if callback.parent is not None and callback.parent.type == "arguments" else None
    function = call.child_by_field_name("function") if call is not None else None
    if function is None or function.type != "member_expression":
        return None
    return function if text_of(function.child_by_field_name("property")) in _LOOPS else None


def _listed(loop: Node) -> Node | None:
    if loop.type == "for_in_statement":
        return loop.child_by_field_name("right")
    function = _calling(loop)
    return function.child_by_field_name("object") if function is not None else None


def _entries(node: Node) -> Node | None:
    """The object of `Object.entries(object)`."""
    node = unwrap(node)
    called = node.child_by_field_name("function") if node.type == "call_expression" else None
    given = arguments_of(node) if called is not None and text_of(called) == "Object.entries" else []
    return given[0] if given else None
