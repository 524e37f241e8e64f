"""A piece of the repository's code, which outlives the syntax tree that it was found in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tree_sitter import Node

    from auditor.facts.parsed_files import Files


class Site:
    """A piece of this repository's code: a function, a class, a value; the whole file for a namespace.

    A tree takes thirty times as much memory as its text, and stays as long as somebody has a node of it. A site that
    is parked has none: it knows its place, and `node` is found again where it is asked for.
    """

    __slots__ = ("_files", "_place", "node", "path")
    path: str
    node: Node

    def __init__(self, path: str, node: Node) -> None:
        self.path, self.node = path, node
        self._files: Files | None = None
        self._place: tuple[int, int, str] | None = None

    @property
    def start(self) -> int:
        """Where the piece begins, in bytes."""
        return self.node.start_byte if self._place is None else self._place[0]

    @property
    def span(self) -> tuple[int, int]:
        """Where the piece begins and ends, in bytes."""
        return (self.node.start_byte, self.node.end_byte) if self._place is None else self._place[:2]

    @property
    def is_parked(self) -> bool:
        """Whether it has no node at the moment."""
        try:
            object.__getattribute__(self, "node")
        except AttributeError:
            return True
        return False

    def park(self, files: Files) -> None:
        """Let go of the node, unless another one stands at the very same place."""
        if self._place is None:
            place = self._where()
            if _found(files, self.path, place) != self.node:
                return
            self._files, self._place = files, place
        if not self.is_parked:
            del self.node

    def _where(self) -> tuple[int, int, str]:
        return self._place or (self.node.start_byte, self.node.end_byte, self.node.type)

    if not TYPE_CHECKING:  # a reader of types would take every name for an attribute

        def __getattr__(self, name: str) -> Node:
            """The node of a parked site: asked for only where there is none."""
            if name != "node" or self._place is None:
                raise AttributeError(name)
            self.node = _found(self._files, self.path, self._place)
            return self.node

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Site):
            return NotImplemented
        return self is other or (self.path == other.path and self._where() == other._where())

    def __hash__(self) -> int:
        return hash((self.path, self.start))

    def __repr__(self) -> str:
        return f"Site({self.path!r}, {self._where()})"


class Kept(list[Site]):
    """Sites that somebody holds for as long as this list; they are parked where there are too many trees."""

    def __init__(self, files: Files, sites: Iterable[Site] = ()) -> None:
        super().__init__()
        self._files = files
        files.watch(self.park)
        self.extend(sites)

    def park(self) -> None:
        for site in self:
            site.park(self._files)


def _found(files: Files, path: str, place: tuple[int, int, str]) -> Node | None:
    node = files.tree(path).root_node.descendant_for_byte_range(place[0], place[1])
    while node is not None and (node.start_byte, node.end_byte, node.type) != place:
        node = node.parent
    return node
