"""Views of Flask-Classful: a class whose methods are routes, below a base of its own, registered by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.endpoints import join_paths
from auditor.facts.py_bindings import arguments, decorators, keyword, positional
from auditor.facts.py_flask_views import class_guards, decorator_guards
from auditor.facts.py_routes import Route
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.py_names import PyNames

_PACKAGES = re.compile(r"^flask_class(?:ful|y)\b")
_RULED = {"index": "GET", "get": "GET", "post": "POST", "put": "PUT", "patch": "PATCH", "delete": "DELETE"}
_OWN = re.compile(r"^_|^(?:register|make_response|build_rule|build_route_name)$|^(?:before|after)_")
_NO_ROUTE = {"classmethod", "staticmethod", "property", "cached_property"}


def is_classful(names: PyNames, found: object) -> bool:
    """Whether a class derives from `FlaskView`."""
    if not isinstance(found, Site) or found.node.type != "class_definition":
        return False
    return any(isinstance(base, External) and _PACKAGES.match(base.package) for base in names.bases(found))


def classful_routes(names: PyNames, view: Site, call: Site) -> Iterator[Route]:
    """`NotesView.register(app)`: one route for each public method, its base classes' too."""
    name = text_of(view.node.child_by_field_name("name"))
    own = re.sub(r"View$", "", name).lower()
    base = _text(names, view, call, "route_base")
    prefix = join_paths(_text(names, view, call, "route_prefix") or "", own if base is None else base)
    taken = _listed(names, view, "base_args") | _listed(names, view, "excluded_methods")
    for method in _methods(names, view):
        called = text_of(method.node.child_by_field_name("name"))
        if called not in taken:
            guards = (*class_guards(names, view), *decorator_guards(method))
            for verbs, rule in _rules(names, method, called, taken):
                yield Route(verbs, join_paths(prefix, rule), call, method, guards)


def _text(names: PyNames, view: Site, call: Site, name: str) -> str | None:
    if (given := names.text_value(call.path, keyword(call.node, name))) is not None:
        return given
    found = _attribute(names, view, name)
    return names.text_value(found.path, found.node) if found is not None else None


def _attribute(names: PyNames, view: Site, name: str) -> Site | None:
    """An attribute of the nearest class of this repository that has it: `FlaskView` itself sets none."""
    for owner in _owners(names, view):
        if name in names.scope(owner.path, owner.node).bound:
            found = names.member(owner, name)
            return found if isinstance(found, Site) else None
    return None


def _owners(names: PyNames, view: Site) -> list[Site]:
    found = [view, *(base for base in names.bases(view) if isinstance(base, Site))]
    return [owner for owner in found if owner.node.type == "class_definition"]


def _listed(names: PyNames, view: Site, name: str) -> set[str]:
    found = _attribute(names, view, name)
    items = names.items(found.path, found.node) if found is not None else []
    return {text for each in items if (text := names.text_value(each.path, each.node))}


def _methods(names: PyNames, view: Site) -> Iterator[Site]:
    """The public methods, those of the nearest class first."""
    seen: set[str] = set()
    for owner in _owners(names, view):
        for name in names.scope(owner.path, owner.node).bound:
            found = names.member(owner, name) if name not in seen and not _OWN.search(name) else None
            seen.add(name)
            if isinstance(found, Site) and found.node.type == "function_definition":
                marks = {text_of(each).rsplit(".", 1)[-1] for each in decorators(found.node)}
                if not marks & _NO_ROUTE:
                    yield found


def _rules(names: PyNames, method: Site, called: str, taken: set[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """(methods, path) of what `@route` says, else of what the method is called and takes."""
    written = [each for each in decorators(method.node) if each.type == "call" and _declares(text_of(each))]
    for each in written:
        given = positional(each)
        rule = names.text_value(method.path, given[0] if given else keyword(each, "rule")) or ""
        verbs = [names.text_value(at.path, at.node) for at in names.items(method.path, keyword(each, "methods"))]
        yield tuple(verb.upper() for verb in verbs if verb) or ("GET",), rule
    if not written:
        asked = [f"<{each.name}>" for each in arguments(method.node) if _is_part(each.name, taken)]
        named = "" if called in _RULED else called
        yield (_RULED.get(called, "GET"),), join_paths(named, *asked)


def _declares(text: str) -> bool:
    return re.match(r"(?:\w+\.)?route\(", text) is not None


def _is_part(name: str, taken: set[str]) -> bool:
    return name not in {"self", "args", "kwargs"} | taken and not name.startswith("*")
