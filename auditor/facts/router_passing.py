"""Routers that are handed on: as an argument, with all other arguments, or as the `this` of a method."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of
from auditor.facts.parameters import REST
from auditor.facts.router_chains import CHAINED
from auditor.facts.router_classes import THIS, methods_of
from auditor.facts.router_events import Event, place_of
from auditor.facts.router_roots import Roots, Router
from auditor.facts.symbols import Parameter, Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.route_tables import Tables
    from auditor.facts.symbols import Symbols

Passed = tuple[Router, Event]

_HANDS_OVER = re.compile(
    r"\(\.\.\.\w+\)|(?:\b(?:(?:app|api|router|server|hono|express)(?:[A-Z]\w*)?|r)|App|Router|Routes|Api)\s*[,)}]"
)
_PASSABLE = re.compile(
    r"(?:^|\.)(?:(?:app|api|router|server|hono|express)(?:[A-Z]\w*)?|r|\w*(?:App|Router|Routes|Api))$"
)
_PASSED = {"identifier", "member_expression", "shorthand_property_identifier"}
_MAX_PASSED = 6
_MAX_FORWARDED = 2


def passed_on(roots: Roots, tables: Tables, texts: dict[str, str]) -> Iterator[Passed]:
    """What each place hands on to which function: all that is registered there is registered on the router here."""
    inside: list[Router] = []
    for path in (path for path, text in texts.items() if _HANDS_OVER.search(text)):
        for call in roots.symbols.code.nodes(path, "call_expression"):
            function, given = call.child_by_field_name("function"), arguments_of(call)
            if function is not None and given and given[0].type == "spread_element":
                yield from _forwarded(roots, path, call, function, given[0].named_children[0])
            elif function is not None:
                for router, event in _handed_over(roots, tables, path, call, function):
                    inside += [event.router] if event.router is not None and _key_of(event.router) else []
                    yield router, event
    yield from _with_the_whole(roots.symbols, inside)
    yield from _own_methods(roots, texts)


def _with_the_whole(symbols: Symbols, waiting: list[Router]) -> Iterator[Passed]:
    """`noteRoutes(context)`: a router that came in as a property goes on with the object that holds it."""
    known = {router.key for router in waiting}
    while waiting:
        outer = waiting.pop()
        for call, target, index in _whole_to(symbols, outer):
            inner = Router(target, outer.framework, parameter=f"{index}.{_key_of(outer)}")
            function = call.child_by_field_name("function") or call
            yield outer, Event("mount", place_of(outer.root.path, call, function), outer.base, router=inner)
            if inner.key not in known:
                known.add(inner.key)
                waiting.append(inner)


def _whole_to(symbols: Symbols, outer: Router) -> Iterator[tuple[Node, Site, int]]:
    """(call, function, place) of each call that is given the object which a router came in with, or a copy of it."""
    path, function = outer.root.path, outer.root.node
    whole = Parameter(outer.root, int((outer.parameter or "").partition(".")[0]))
    for call in nodes(symbols.code.files[path], function, "call_expression"):
        for index, argument in enumerate(arguments_of(call)[:_MAX_PASSED]):
            named = [argument] if argument.type != "object" else _spread(argument)
            if any(each.type == "identifier" and symbols.resolve(path, each) == whole for each in named):
                target = symbols.called(path, call)
                if isinstance(target, Site) and target.node.type in FUNCTIONS:
                    yield call, target, index


def _spread(holder: Node) -> list[Node]:
    return [child.named_children[0] for child in holder.named_children if child.type == "spread_element"]


def _key_of(router: Router) -> str:
    """The property that a router came in as; empty where it is a parameter itself."""
    return (router.parameter or "").partition(".")[2]


def _handed_over(roots: Roots, tables: Tables, path: str, call: Node, function: Node) -> Iterator[Passed]:
    """`registerRoutes(app)`."""
    for place, argument in _arguments(arguments_of(call)):
        router = roots.locate(path, argument) if _PASSABLE.search(text_of(argument)) else None
        if router is None or not router.likely:
            continue
        for called in tables.each([Site(path, function)]):
            target = roots.symbols.resolve(called[0].path, called[0].node)
            if isinstance(target, Site) and target.node.type in FUNCTIONS:
                inner = Router(target, router.framework, parameter=place)
                yield router, Event("mount", place_of(path, call, function), router.base, router=inner)


def _arguments(given: list[Node]) -> Iterator[tuple[str, Node]]:
    """(parameter, expression) of each argument, and of each property of an argument, that may be a router."""
    for index, argument in enumerate(given[:_MAX_PASSED]):
        if argument.type in _PASSED:
            yield f"{index}.", argument
        elif argument.type == "object":
            for child in argument.named_children[:_MAX_PASSED]:
                key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
                if child.type == "shorthand_property_identifier":
                    yield f"{index}.{text_of(child)}", child
                elif key is not None and value is not None and value.type in _PASSED:
                    yield f"{index}.{text_of(key)}", value


def _forwarded(roots: Roots, path: str, call: Node, function: Node, spread: Node) -> Iterator[Passed]:
    """`noteRoutes(...args)`: all that came in is handed on, the router among it."""
    given = roots.symbols.resolve(path, spread) if spread.type == "identifier" else None
    if not isinstance(given, Parameter) or given.key != REST:
        return
    target = roots.symbols.resolve(path, function)
    if not isinstance(target, Site) or target.node.type not in FUNCTIONS:
        return
    for place in range(_MAX_FORWARDED):
        outer = Router(given.site, "Express", parameter=f"{given.index + place}.")
        inner = Router(target, "Express", parameter=f"{place}.")
        yield outer, Event("mount", place_of(path, call, function), "", router=inner)


def _own_methods(roots: Roots, texts: dict[str, str]) -> Iterator[Passed]:
    """`router.addNotes()`, where the router's class registers routes on `this` in that method."""
    methods = {name: site for name, site in methods_of(roots.classes) if name not in CHAINED}
    if not methods:
        return
    called = re.compile(rf"\.(?:{'|'.join(map(re.escape, methods))})\(")
    for path in (path for path, text in texts.items() if called.search(text)):
        for call in roots.symbols.code.nodes(path, "call_expression"):
            function = call.child_by_field_name("function")
            if function is not None and text_of(function.child_by_field_name("property")) in methods:
                yield from _own_method(roots, path, call, function, methods)


def _own_method(roots: Roots, path: str, call: Node, function: Node, methods: dict[str, Site]) -> Iterator[Passed]:
    held = function.child_by_field_name("object")
    router = roots.locate(path, held) if held is not None else None
    if router is not None and _is_of_class(router):
        method = methods[text_of(function.child_by_field_name("property"))]
        inner = Router(method, router.framework, parameter=THIS)
        yield router, Event("mount", place_of(path, call, function), "", router=inner)


def _is_of_class(router: Router) -> bool:
    made = router.factory if router.parameter is None else router
    return made is not None and made.parameter == THIS
