"""Registrations on routers: what is registered, for which methods and path, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.router_roots import Router
    from auditor.facts.symbols import Site


@dataclass(frozen=True, slots=True, order=True)
class At:
    """Where something is registered; registrations of one file are in the order of their places."""

    path: str
    byte: int
    line: int
    end: int = 0

    def holds(self, site: Site) -> bool:
        """Whether a piece of code is a part of the registration's arguments."""
        return site.path == self.path and self.byte <= site.start < self.end


@dataclass(frozen=True, slots=True)
class Event:
    """One registration: `use`, `route`, `mount` or `param`; `chained` is one whose path an earlier link gives."""

    kind: str
    at: At
    path: str
    methods: tuple[str, ...] = ()
    handlers: tuple[Site, ...] = ()
    router: Router | None = None
    declared: Site | None = None
    chained: bool = False

    @property
    def sites(self) -> tuple[Site, ...]:
        """The code that it registers."""
        return self.handlers if self.declared is None else (*self.handlers, self.declared)


def place_of(path: str, call: Node, function: Node) -> At:
    return At(path, function.end_byte, function.end_point[0] + 1, call.end_byte)
