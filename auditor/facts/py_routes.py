"""Routers of Python frameworks put together: which is mounted where, and what stands before its routes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.facts.endpoints import Endpoint, join_paths
from auditor.facts.py_bindings import returns
from auditor.facts.symbols import Site
from auditor.facts.syntax import line_of, text_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.parsed_files import Files
    from auditor.facts.py_names import PyNames

Key = tuple[str, int]
_FRAMEWORKS = {"FastAPI", "Flask", "Connexion", "Django", "Django Ninja"}
_MAX_DEPTH = 8
_AT_HOME = re.compile(
    r"==\s*[\"'](?:local|dev|development|test|testing)[\"']|^(?:\w+\.)*(?:DEBUG|debug|is_dev\w*|IS_DEV\w*|IS_LOCAL|is_local)$"
    r"|in\s*[\[({]\s*[\"'](?:local|dev|development|test)[\"']"
)


def router_of(names: PyNames, meaning: object, routers: dict[Key, Router], hops: int = 4) -> Key | None:
    """The router that an expression stands for, also where a function makes it: `app = create_app()`."""
    if not isinstance(meaning, Site) or hops <= 0:
        return None
    if key_of(meaning) in routers:
        return key_of(meaning)
    if meaning.node.type != "call":
        return None
    function = names.resolve(meaning.path, meaning.node.child_by_field_name("function"))
    if not isinstance(function, Site) or function.node.type != "function_definition":
        return None
    for back in returns(function.node):
        given = names.resolve(function.path, back)
        if (found := router_of(names, given, routers, hops - 1)) is not None:
            return found
    return None


@dataclass(slots=True)
class Router:
    """An application, a router or a blueprint; `guards` stand before each of its routes and of those mounted on it."""

    prefix: str = ""
    guards: list[Site] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    mounted: list[Mount] = field(default_factory=list)
    is_app: bool = False

    @property
    def sites(self) -> Iterator[Site]:
        yield from self.guards
        yield from (site for route in self.routes for site in route.sites)
        yield from (site for mount in self.mounted for site in mount.sites)


class Routers(dict[Key, Router]):
    """Routers by where they are made; the code that they hold is let go of where there are too many trees."""

    def __init__(self, code: Files) -> None:
        super().__init__()
        self._code = code
        code.watch(self.park)

    def park(self) -> None:
        for router in self.values():
            for site in router.sites:
                site.park(self._code)


@dataclass(frozen=True, slots=True)
class Route:
    """One declaration; `handler` is None where the code could not be followed, `lost` says what."""

    methods: tuple[str, ...]
    path: str
    where: Site
    handler: Site | None = None
    guards: tuple[Site, ...] = ()
    schemas: frozenset[str] = frozenset()
    gateway: str = ""
    lost: str = ""

    @property
    def sites(self) -> tuple[Site, ...]:
        return (self.where, *((self.handler,) if self.handler is not None else ()), *self.guards)


@dataclass(frozen=True, slots=True)
class Mount:
    """One router on another; `instead` is a prefix in place of the router's own."""

    child: Key
    prefix: str = ""
    guards: tuple[Site, ...] = ()
    instead: str | None = None
    gateway: str = ""

    @property
    def sites(self) -> tuple[Site, ...]:
        return self.guards


def is_python(endpoint: Endpoint) -> bool:
    return endpoint.framework in _FRAMEWORKS or endpoint.where.path.endswith(".py")


def only_at_home(node: Node) -> str:
    """Why nobody outside reaches what is mounted here: it stands below `if settings.ENVIRONMENT == "local"`."""
    current = node.parent
    while current is not None:
        condition = current.child_by_field_name("condition") if current.type == "if_statement" else None
        if condition is not None and _AT_HOME.search(text_of(condition)):
            return "only mounted for development"
        current = current.parent
    return ""


def key_of(site: Site) -> Key:
    return site.path, site.start


def flattened(framework: str, routers: dict[Key, Router]) -> Iterator[Endpoint]:
    """Every route as it is mounted; one that nothing mounts stands by itself: its mount may be unseen."""
    children = {mount.child for router in routers.values() for mount in router.mounted}
    for key, router in routers.items():
        if key not in children:
            for endpoint in _below(routers, router, router.prefix, (), _MAX_DEPTH):
                yield replace(endpoint, framework=framework)


def _below(
    routers: dict[Key, Router], router: Router, prefix: str, guards: tuple[Site, ...], depth: int
) -> Iterator[Endpoint]:
    guards = (*guards, *router.guards)
    for route in router.routes:
        yield from endpoints_of(route, prefix, guards)
    for mount in router.mounted if depth else ():
        child = routers.get(mount.child)
        if child is not None and child is not router:
            own = child.prefix if mount.instead is None else mount.instead
            path = join_paths(prefix, mount.prefix, own)
            for endpoint in _below(routers, child, path, (*guards, *mount.guards), depth - 1):
                yield replace(endpoint, gateway=endpoint.gateway or mount.gateway)


def endpoints_of(route: Route, prefix: str, guards: tuple[Site, ...]) -> Iterator[Endpoint]:
    at = route.handler or route.where
    whole = route.path.startswith("!/")  # by which a project's own blueprints leave their prefix out
    prefix, own = ("", route.path[1:]) if whole else (prefix, route.path)
    for method in route.methods:
        yield Endpoint(
            framework="",
            method=method,
            path=join_paths(prefix, own),
            where=FileSpan(at.path, line_of(at.node)),
            handler=route.handler,
            guards=(*guards, *route.guards),
            schemas=route.schemas,
            gateway=route.gateway,
            lost=route.lost,
        )
