"""The functions, classes and blocks around a place in a file. A tree's own `parent` starts from the root each time."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.bindings import CLASSES, FUNCTIONS
from auditor.facts.syntax import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

_BLOCKS = ("statement_block", "switch_case", "switch_default", "for_in_statement")


@dataclass(frozen=True, slots=True)
class Scopes:
    """All scopes of a file by their first byte; `outer` is the index of the one around each, -1 for the file."""

    starts: list[int]
    scopes: list[Node]
    outer: list[int]

    def around(self, node: Node) -> Iterator[Node]:
        """The scopes that hold a node, the innermost first; the file itself is none of them."""
        index = bisect_right(self.starts, node.start_byte) - 1
        while index >= 0:
            scope = self.scopes[index]
            if scope.end_byte >= node.end_byte and scope != node:
                yield scope
            index = self.outer[index]


def read_scopes(language: str, root: Node) -> Scopes:
    classes = CLASSES - {"abstract_class_declaration"} if language == "javascript" else CLASSES
    found = nodes(language, root, *sorted(FUNCTIONS | classes), *_BLOCKS)
    outer: list[int] = []
    open_ones: list[int] = []
    for index, scope in enumerate(found):
        while open_ones and found[open_ones[-1]].end_byte < scope.end_byte:
            open_ones.pop()
        outer.append(open_ones[-1] if open_ones else -1)
        open_ones.append(index)
    return Scopes([scope.start_byte for scope in found], found, outer)
