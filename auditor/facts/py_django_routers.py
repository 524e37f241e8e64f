"""Routers of Django REST framework: which view sets each registers, and which methods its own class adds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.py_bindings import arguments, keyword, positional
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.py_names import PyNames

Registered = dict[tuple[str, int], list[Site]]  # the calls of `register` by the place of their router
Mapped = tuple[str, str, str]  # method, action, what follows the list's path

_ROUTER = re.compile(r"Router\(\)$")
_METHODS = {"get", "post", "put", "patch", "delete"}
_ROUTES = re.compile(r"routes\[(\d)\]\.mapping")


def read_registered(names: PyNames) -> Registered:
    """`router.register("things", ThingViewSet)`, wherever it stands."""
    registered: Registered = {}
    helpers: dict[Site, list[Site]] = {}
    for path in names.paths():
        if ".register(" not in names.code.text(path):
            continue
        for call in names.code.nodes(path, "call"):
            function = call.child_by_field_name("function")
            if function is None or not text_of(function).endswith(".register") or len(positional(call)) <= 1:
                continue
            router = names.resolve(path, function.child_by_field_name("object"))
            if isinstance(router, Site) and _is_router(names, router):
                registered.setdefault((router.path, router.node.start_byte), []).append(Site(path, call))
            elif router is None and (around := _handed_router(path, function)) is not None:
                helpers.setdefault(around, []).append(Site(path, call))
    if helpers:
        _through_helpers(names, helpers, registered)
    return registered


def _handed_router(path: str, function: Node) -> Site | None:
    """The function whose parameter a router is: `def add_urls(router): router.register(…)`."""
    held = text_of(function.child_by_field_name("object"))
    current = function.parent
    while current is not None and current.type != "function_definition":
        current = current.parent
    named = [argument.name for argument in arguments(current)] if current is not None else []
    return Site(path, current) if current is not None and held in named else None


def _through_helpers(names: PyNames, helpers: dict[Site, list[Site]], registered: Registered) -> None:
    wanted = {text_of(each.node.child_by_field_name("name")) for each in helpers}
    for path in names.paths():
        if not any(f"{name}(" in names.code.text(path) for name in wanted):
            continue
        for call in names.code.nodes(path, "call"):
            given = positional(call)
            called = names.resolve(path, call.child_by_field_name("function")) if given else None
            router = names.resolve(path, given[0]) if isinstance(called, Site) and called in helpers else None
            if isinstance(called, Site) and isinstance(router, Site) and _is_router(names, router):
                registered.setdefault((router.path, router.node.start_byte), []).extend(helpers[called])


def _is_router(names: PyNames, router: Site) -> bool:
    made = names.made(router)
    if isinstance(made, Site):
        return any(_ROUTER.search(f"{names.dotted(base)}()") for base in names.bases(made))
    return bool(_ROUTER.search(names.dotted(made)))


def mapped_by(names: PyNames, router: Site) -> Iterator[Mapped]:
    """What a router's class adds to the usual methods: `self.routes[0].mapping.update({"put": "bulk_update"})`."""
    made = names.made(router)
    for owner in [made, *names.bases(made)] if isinstance(made, Site) else []:
        for node in nodes("python", owner.node, "dictionary") if isinstance(owner, Site) else ():
            pairs = [child for child in node.named_children if child.type == "pair"]
            texts = [
                (_text(pair.child_by_field_name("key")), _text(pair.child_by_field_name("value"))) for pair in pairs
            ]
            if texts and all(method in _METHODS for method, _ in texts):
                tail = "<pk>" if _is_detail(node) else ""
                yield from ((method.upper(), action, tail) for method, action in texts)


def _is_detail(mapping: Node) -> bool:
    """Whether the routes are those of one object: the third and fourth of the usual router, or `detail=True`."""
    call = mapping.parent
    while call is not None and call.type != "call":
        call = call.parent
    if call is None:
        return False
    found = _ROUTES.search(text_of(call.child_by_field_name("function")))
    return found[1] in "23" if found else text_of(keyword(call, "detail")) == "True"


def _text(node: Node | None) -> str:
    return text_of(node).strip("\"'")
