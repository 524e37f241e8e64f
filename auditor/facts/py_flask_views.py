"""The views of Flask: class-based ones with their methods, and what decorates or wraps a view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.py_bindings import decorators, positional
from auditor.facts.py_routes import Route
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.py_names import PyNames

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")


def in_turn(names: PyNames, path: str, given: list[Node]) -> Iterator[list[Site]]:
    """The arguments of a registration; in a loop over a table those of each row, also as `add_resource(*row)`."""
    if len(given) == 1 and given[0].type == "list_splat":
        for row in names.alternatives(path, given[0].named_children[0]):
            yield names.items(row.path, row.node)
        return
    columns = [names.alternatives(path, each) for each in given]
    rows = max(map(len, columns), default=0)
    for place in range(rows):
        yield [column[place] if len(column) == rows else Site(path, given[at]) for at, column in enumerate(columns)]


def unwrapped(names: PyNames, view: Site) -> tuple[Site | None, tuple[Site, ...]]:
    """The code behind `login_required(View.as_view("x"))`, with the wrappers around it."""
    guards: list[Site] = []
    for _ in range(5):
        found = names.resolve(view.path, view.node)
        if not isinstance(found, Site):
            return None, tuple(guards)
        if found.node.type in {"function_definition", "class_definition"}:
            return found, tuple(guards)
        function = found.node.child_by_field_name("function") if found.node.type == "call" else None
        if function is None:
            return None, tuple(guards)
        if function.type == "attribute" and text_of(function.child_by_field_name("attribute")) in {
            "as_view",
            "as_asgi",
        }:
            view = Site(found.path, function.child_by_field_name("object") or function)
        elif (called := names.resolve(found.path, function)) is not None and _is_view(names, called):
            view = Site(found.path, function)
        elif given := positional(found.node):
            guards.append(Site(found.path, function))
            view = Site(found.path, given[-1])
        else:
            return None, tuple(guards)
    return None, tuple(guards)


def _is_view(names: PyNames, called: object) -> bool:
    """Whether an object of a class is the view itself: `NotePreview(NoteForm)` of formtools, `NoteFeed()`."""
    if not isinstance(called, Site) or called.node.type != "class_definition":
        return False
    return any(isinstance(base, External) and base.last in {"FormPreview", "Feed"} for base in names.bases(called))


def class_routes(
    names: PyNames, owner: Site, path: str, at: Site, guards: tuple[Site, ...], listed: tuple[str, ...]
) -> Iterator[Route]:
    """One route for each method that a class answers, its base classes' too."""
    shared = (*guards, *class_guards(names, owner))
    for method in METHODS:
        found = names.member(owner, method)
        if isinstance(found, Site) and found.node.type == "function_definition":
            if not listed or method.upper() in listed:
                yield Route((method.upper(),), path, at, found, (*shared, *decorator_guards(found)))
        elif method == "get" and isinstance(names.member(owner, "dispatch_request"), Site):
            handler = names.member(owner, "dispatch_request")
            assert isinstance(handler, Site)
            yield Route(listed or _usual(names, owner), path, at, handler, (*shared, *decorator_guards(handler)))


_PROCESSES = ("_process", "_handle", "process", "handle", "__call__")
_ASKS_FIRST = ("check_access", "_check_access", "check_permissions", "authenticate", "authorize")


def handler_classes(names: PyNames, owner: Site, path: str, at: Site, listed: tuple[str, ...]) -> Iterator[Route]:
    """A class that a blueprint of the project turns into a view: one method answers, another asks before it."""
    asking = [each for name in _ASKS_FIRST if _is_function(each := names.member(owner, name))]
    guards = (*(each for each in asking if isinstance(each, Site)), *class_guards(names, owner))
    for method in listed or ("GET",):
        found = (names.member(owner, name) for name in (f"_process_{method}", f"process_{method.lower()}", *_PROCESSES))
        handler = next((each for each in found if _is_function(each)), None)
        lost = "" if handler else text_of(owner.node.child_by_field_name("name"))
        yield Route((method,), path, at, handler if isinstance(handler, Site) else None, guards, lost=lost)


def _is_function(member: object) -> bool:
    return isinstance(member, Site) and member.node.type == "function_definition"


def _usual(names: PyNames, owner: Site) -> tuple[str, ...]:
    """The methods of a view that answers all of them in one place; GraphQL's is asked by POST too."""
    found = names.member(owner, "methods")
    if isinstance(found, Site) and (named := names.items(found.path, found.node)):
        return tuple(text_of(each.node).strip("\"'").upper() for each in named if "OPTIONS" not in text_of(each.node))
    graphql = any("GraphQLView" in names.dotted(base) for base in names.bases(owner))
    return ("GET", "POST") if graphql else ("GET",)


def class_guards(names: PyNames, owner: Site) -> Iterator[Site]:
    """`decorators = […]` and `method_decorators = […]` of a class, and what decorates the class itself."""
    for name in ("decorators", "method_decorators"):
        found = names.member(owner, name)
        if isinstance(found, Site):
            values = found.node.named_children if found.node.type == "dictionary" else [found.node]
            for value in values:
                inner = value.child_by_field_name("value") if value.type == "pair" else value
                yield from names.items(found.path, inner)
    yield from decorator_guards(owner)


def decorator_guards(function: Site) -> list[Site]:
    """The decorators that run on every call: those below the one that declares the route."""
    written = decorators(function.node)
    last = max((index for index, each in enumerate(written) if _declares(each)), default=-1)
    return [Site(function.path, each) for each in written[last + 1 :]]


def _declares(decorator: Node) -> bool:
    if decorator.type != "call":
        return False
    function = text_of(decorator.child_by_field_name("function"))
    given = positional(decorator)
    return function.rsplit(".", 1)[-1] in {"route", *METHODS} and "." in function and bool(given)
