"""Django Ninja: APIs and routers of functions, which Django's URL patterns mount; controllers of Ninja Extra."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.facts.endpoints import join_paths
from auditor.facts.py_bindings import decorators, keyword, positional
from auditor.facts.py_routes import Route, Router, key_of, router_of
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.py_names import PyNames
    from auditor.facts.py_routes import Key

_API = re.compile(r"^ninja(?:_extra)?\.(?:.*\.)?Ninja(?:Extra)?API(?:\(\))?$")
_ROUTER = re.compile(r"^ninja(?:_extra)?\.(?:.*\.)?Router(?:\(\))?$")
_CONCERNED = re.compile(r"ninja|\.add_router\(|@\w+\.(?:get|post|put|patch|delete|api_operation)\(")
_METHODS = {"get", "post", "put", "patch", "delete"}
_MAX_DEPTH = 6


@dataclass(slots=True)
class _Api:
    """An API or a router; `auth` is what it was given, None where it leaves that to what holds it."""

    auth: Node | None = None
    is_api: bool = False
    routes: list[tuple[Route, Node | None]] = field(default_factory=list)
    mounted: list[tuple[Key, str, Node | None]] = field(default_factory=list)


def ninja_routes(names: PyNames) -> dict[Key, list[Route]]:
    """The routes of each API, by the place where it is made."""
    if not names.mentions("ninja"):
        return {}
    files = [path for path in names.paths() if _CONCERNED.search(names.code.text(path))]
    apis: dict[Key, _Api] = {}
    for path in files:
        for call in names.code.nodes(path, "call"):
            if (found := _made(names, Site(path, call))) is not None:
                apis[path, call.start_byte] = found
    for path in files:
        _read(names, path, apis)
    return {key: list(_below(apis, key, "", None, _MAX_DEPTH)) for key, api in apis.items() if api.is_api}


def _made(names: PyNames, call: Site) -> _Api | None:
    if not re.search(r"(?:A[Pp][Ii]|Router|Ninja)\w*$", text_of(call.node.child_by_field_name("function"))):
        return None
    made = names.made(call)
    known = [made, *names.bases(made)] if isinstance(made, Site) else [made]
    dotted = [names.dotted(each) for each in known if isinstance(each, External)]
    is_api = any(_API.match(each) for each in dotted)
    return _Api(keyword(call.node, "auth"), is_api) if is_api or any(map(_ROUTER.match, dotted)) else None


def _read(names: PyNames, path: str, apis: dict[Key, _Api]) -> None:
    for call in names.code.nodes(path, "call"):
        if text_of(call.child_by_field_name("function")).endswith(".add_router"):
            _mount(names, Site(path, call), apis)
    for function in names.code.nodes(path, "function_definition"):
        for each in decorators(function):
            named = each.child_by_field_name("function") if each.type == "call" else None
            owner = _owner(names, path, named, apis)
            if owner is not None and named is not None:
                found = _route(names, Site(path, function), each, text_of(named.child_by_field_name("attribute")))
                owner.routes += [found] if found is not None else []


def _owner(names: PyNames, path: str, function: Node | None, apis: dict[Key, _Api]) -> _Api | None:
    held = function.child_by_field_name("object") if function is not None and function.type == "attribute" else None
    meaning = names.resolve(path, held) if held is not None else None
    key = router_of(names, meaning, {known: Router() for known in apis})
    return apis[key] if key is not None else _handed_in(names, meaning, apis)


def _handed_in(names: PyNames, meaning: object, apis: dict[Key, _Api]) -> _Api | None:
    """The API that a function is given, `def register(api: NinjaAPI)`, where there is but one."""
    if not isinstance(meaning, External) or not _API.match(names.dotted(meaning)):
        return None
    whole = [api for api in apis.values() if api.is_api]
    return whole[0] if len(whole) == 1 else None


def _mount(names: PyNames, call: Site, apis: dict[Key, _Api]) -> None:
    """`api.add_router("/notes", router)`; the router may be named by its dotted path."""
    owner = _owner(names, call.path, call.node.child_by_field_name("function"), apis)
    given = positional(call.node)
    prefix = given[0] if given else keyword(call.node, "prefix")
    what = given[1] if len(given) > 1 else keyword(call.node, "router")
    meaning = names.resolve(call.path, what)
    if isinstance(meaning, Site) and meaning.node.type == "string":
        module, _, name = (names.text_value(meaning.path, meaning.node) or "").rpartition(".")
        meaning = names.member(names.module(call.path, module), name) if module else None
    if owner is not None and isinstance(meaning, Site) and key_of(meaning) in apis:
        text = names.text_value(call.path, prefix) or ""
        owner.mounted.append((key_of(meaning), text, keyword(call.node, "auth")))


def _route(names: PyNames, function: Site, call: Node, last: str) -> tuple[Route, Node | None] | None:
    given = positional(call)
    if last == "api_operation":
        listed = names.items(function.path, given[0]) if given else []
        named = [names.text_value(each.path, each.node) for each in listed]
        methods, given = tuple(each.upper() for each in named if each), given[1:]
    elif last in _METHODS:
        methods = (last.upper(),)
    else:
        return None
    path = names.text_value(function.path, given[0] if given else keyword(call, "path"))
    below = tuple(Site(function.path, each) for each in decorators(function.node) if each != call)
    return Route(methods, "{…}" if path is None else path, function, function, below), keyword(call, "auth")


def _below(apis: dict[Key, _Api], key: Key, prefix: str, auth: Node | None, depth: int) -> Iterator[Route]:
    """All routes of an API; what stands nearest to a route says who may call it."""
    api = apis[key]
    auth = api.auth if api.auth is not None else auth
    for route, own in api.routes:
        asked = own if own is not None else auth
        gateway = "" if asked is None or text_of(asked) in {"None", "[]"} else f"auth={text_of(asked)}"[:60]
        yield replace(route, path=join_paths(prefix, route.path), gateway=gateway)
    for child, where, own in api.mounted if depth else ():
        yield from _below(apis, child, join_paths(prefix, where), own if own is not None else auth, depth - 1)
