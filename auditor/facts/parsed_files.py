"""What facts need of the code of a repository: texts and trees by path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tree_sitter import Node, Tree


class Files(Protocol):
    """Parsed code: `files` maps each path to its language."""

    @property
    def files(self) -> Mapping[str, str]: ...

    def tree(self, path: str) -> Tree: ...

    def text(self, path: str) -> str: ...

    def nodes(self, path: str, *types: str) -> list[Node]: ...

    def watch(self, forget: Callable[[], None]) -> None: ...
