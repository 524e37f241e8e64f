"""FastAPI: applications, routers, what is included where, and the dependencies before each route."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.py_bindings import decorators, keyword, node_of, positional
from auditor.facts.py_fastapi_depends import injected, injected_guards, made_to_order
from auditor.facts.py_graphql_hosts import APPLICATION
from auditor.facts.py_path_secrets import path_secret_of
from auditor.facts.py_routes import Mount, Route, Router, Routers, flattened, only_at_home, router_of
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.py_names import Meaning, PyNames
    from auditor.facts.py_routes import Key

_ROUTER = re.compile(r"(?:^|\.)(?:FastAPI|APIRouter|InferringRouter)$")
_METHODS = {"get", "post", "put", "patch", "delete", "options", "head", "trace"}
_NAMED = re.compile(r"(?:^|_)(?:app|api|router|application)$|router$", re.IGNORECASE)
_NAMES = {"identifier", "attribute"}


def find_fastapi(names: PyNames) -> Iterator[Endpoint]:
    """All endpoints of all FastAPI applications."""
    routers = Routers(names.code)
    if not names.mentions("fastapi"):
        return
    files = [path for path in names.paths() if _concerned(names, path)]
    for path in files:
        for call in names.code.nodes(path, "call"):
            if (found := _router(names, Site(path, call))) is not None:
                routers[path, call.start_byte] = found
    for path in files:
        _read_calls(names, path, routers)
        _read_decorators(names, path, routers)
    yield from flattened("FastAPI", routers)


def _concerned(names: PyNames, path: str) -> bool:
    """Whether a file can name a router: they are passed on without the framework's name."""
    return bool(re.search(r"fastapi|router|\.(?:include|add_api|mount)", names.code.text(path), re.IGNORECASE))


def _router(names: PyNames, call: Site) -> Router | None:
    """A router where a call makes one, of a class of this repository that derives from a router too."""
    written = text_of(call.node.child_by_field_name("function"))
    if not (written[:1].isupper() or "." in written):
        return None
    made = names.made(call)
    dotted = names.dotted(made).removesuffix("()")
    own: list[Site] = []
    if not dotted and isinstance(made, Site):
        dotted = next((found for base in names.bases(made) if _is_served(found := names.dotted(base))), "")
        own = list(_handed_up(names, made)) if dotted else []
    if APPLICATION.match(dotted):
        return _of_graphql(names, call)
    if not _is_router(dotted):
        return None
    prefix = next((text for each in (call, *own) if (text := _prefix(names, each))), "")
    guards = [guard for each in (*own, call) for guard in _dependencies(names, each)]
    return Router(prefix, guards, is_app=dotted.endswith("FastAPI"))


def _of_graphql(names: PyNames, call: Site) -> Router:
    """An application of GraphQL that is mounted as a router is; what gives its context may ask who calls."""
    getter = keyword(call.node, "context_getter") or keyword(call.node, "context_value")
    context = [Site(call.path, getter)] if getter is not None else []
    path = names.text_value(call.path, keyword(call.node, "path")) or ""
    route = Route(("GET", "POST"), path, call, call)
    return Router(_prefix(names, call), [*_dependencies(names, call), *context], [route])


def _is_served(dotted: str) -> bool:
    return _is_router(dotted) or bool(APPLICATION.match(dotted))


def _prefix(names: PyNames, call: Site) -> str:
    return names.text_value(call.path, keyword(call.node, "prefix")) or ""


def _handed_up(names: PyNames, owner: Site) -> Iterator[Site]:
    """What a router's class of this repository hands to the framework's: `super().__init__(dependencies=[…])`."""
    for each in (owner, *(base for base in names.bases(owner) if isinstance(base, Site))):
        maker = node_of(names.scope(each.path, each.node).bound.get("__init__"))
        for call in nodes("python", maker, "call") if maker is not None else ():
            if text_of(call.child_by_field_name("function")).endswith("__init__"):
                yield Site(each.path, call)


def _is_router(dotted: str) -> bool:
    return dotted.startswith("fastapi") and bool(_ROUTER.search(dotted))


def _dependencies(names: PyNames, call: Site) -> list[Site]:
    """What `dependencies=[Depends(f)]` lists."""
    found = []
    listed = keyword(call.node, "dependencies")
    if listed is not None and listed.type == "conditional_expression":  # `[Depends(f)] if settings.AUTH else []`
        listed = listed.named_children[0]
    for each in names.items(call.path, listed):
        inner = names.resolve(each.path, each.node)
        if isinstance(inner, Site):
            found += [*injected(inner), *made_to_order(names, inner)]
    return found


def _read_calls(names: PyNames, path: str, routers: dict[Key, Router]) -> None:
    for call in names.code.nodes(path, "call"):
        function = call.child_by_field_name("function")
        if function is None or function.type != "attribute":
            continue
        last, held = text_of(function.child_by_field_name("attribute")), function.child_by_field_name("object")
        if last in {"include_router", "mount", "add_api_route", "add_api_websocket_route"}:
            owner = _owner(names, path, held, routers)
            if owner is not None and last in {"include_router", "mount"}:
                owner.mounted += _mounts(names, Site(path, call), routers)
            elif owner is not None:
                owner.routes.append(_added(names, Site(path, call), last))
        elif last in {"add_middleware", "middleware"} and (owner := _owner(names, path, held, routers)) is not None:
            owner.guards += [Site(path, given) for given in positional(call)[:1] if given.type != "string"]


def _owner(names: PyNames, path: str, held: Node | None, routers: dict[Key, Router]) -> Router | None:
    """The router that an expression stands for; a function's parameter named like one is one of its own."""
    found = names.resolve(path, held)
    if (key := router_of(names, found, routers)) is not None:
        return routers[key]
    made = names.made(found) if isinstance(found, Site) else found
    held_text = text_of(held)
    typed = isinstance(made, External) and _is_router(names.dotted(made).removesuffix("()"))
    unknown = found is None and bool(_NAMED.search(held_text)) and "fastapi" in names.code.text(path)
    if not typed and not unknown:
        return None
    return routers.setdefault((f"{path}#{held_text}", 0), Router())


def _mounts(names: PyNames, call: Site, routers: dict[Key, Router]) -> Iterator[Mount]:
    given = positional(call.node)
    prefix = names.text_value(call.path, keyword(call.node, "prefix")) or ""
    what = given[0] if given else keyword(call.node, "router")
    if text_of(call.node.child_by_field_name("function")).endswith(".mount"):
        prefix = names.text_value(call.path, given[0]) or "" if given else ""
        what = given[1] if len(given) > 1 else keyword(call.node, "app")
    guards = tuple(_dependencies(names, call))
    for found in _meanings(names, call.path, what):
        if (key := router_of(names, found, routers)) is not None:
            secret = path_secret_of(names, call.path, keyword(call.node, "prefix"))
            yield Mount(key, prefix, guards, gateway=only_at_home(call.node) or secret)


def _meanings(names: PyNames, path: str, what: Node | None) -> Iterator[Meaning | None]:
    """What is mounted, also in a loop: `for each in (notes.router, tags.router)`, `for module in (notes, tags)`."""
    held = what.child_by_field_name("object") if what is not None and what.type == "attribute" else None
    several = names.alternatives(path, held) if held is not None else []
    if what is None or [each.node for each in several] in ([], [held]):
        yield from (names.resolve(each.path, each.node) for each in names.alternatives(path, what))
        return
    last = text_of(what.child_by_field_name("attribute"))
    for each in several:
        yield names.member(names.resolve(each.path, each.node), last)


def _added(names: PyNames, call: Site, kind: str) -> Route:
    """`add_api_route("/x", f, methods=[…])`."""
    given = positional(call.node)
    path = names.text_value(call.path, given[0] if given else keyword(call.node, "path")) or "{…}"
    named = given[1] if len(given) > 1 else keyword(call.node, "endpoint")
    handler = names.resolve(call.path, named)
    methods = ("WS",) if "websocket" in kind else _listed(names, call)
    if not isinstance(handler, Site) or handler.node.type != "function_definition":
        return Route(methods, path, call, lost=text_of(named))
    return Route(methods, path, call, handler, (*_dependencies(names, call), *injected_guards(names, handler)))


def _listed(names: PyNames, call: Site) -> tuple[str, ...]:
    found = [names.text_value(each.path, each.node) for each in names.items(call.path, keyword(call.node, "methods"))]
    return tuple(dict.fromkeys(method.upper() for method in found if method)) or ("GET",)


def _read_decorators(names: PyNames, path: str, routers: dict[Key, Router]) -> None:
    for function in names.code.nodes(path, "function_definition"):
        written = decorators(function)
        for index, call in enumerate(written):
            named = _registers(call)
            if named is None:
                continue
            last = text_of(named.child_by_field_name("attribute"))
            if last in _METHODS | {"api_route", "websocket", "websocket_route", "route"}:
                owner = _owner(names, path, named.child_by_field_name("object"), routers)
                if owner is not None:
                    owner.routes.append(_route(names, Site(path, function), Site(path, call), last, written[index:]))


def _registers(call: Node) -> Node | None:
    """`router.get` where a decorator is `@router.get("/x")`, or hands it on: `@protected(router.get, "/x")`."""
    named = call.child_by_field_name("function") if call.type == "call" else None
    if named is not None and named.type == "identifier":
        given = positional(call)
        named = given[0] if len(given) > 1 and given[1].type in {"string", "identifier"} else None
    return named if named is not None and named.type == "attribute" else None


def _route(names: PyNames, function: Site, call: Site, last: str, written: list[Node]) -> Route:
    given = positional(call.node)
    through = given[:1] if _registers(call.node) in given[:1] else []  # the decorator stands in front of it, too
    given = given[len(through) :]
    path = names.text_value(call.path, given[0] if given else keyword(call.node, "path"))
    methods = (last.upper(),) if last in _METHODS else ("WS",) if "websocket" in last else _listed(names, call)
    around = written if through else written[1:]
    below = tuple(Site(call.path, each) for each in around if not _declares(each))
    guards = (*_dependencies(names, call), *below, *injected_guards(names, function))
    secret = path_secret_of(names, call.path, given[0] if given else keyword(call.node, "path"))
    return Route(methods, "{…}" if path is None else path, call, function, guards, gateway=secret)


def _declares(decorator: Node) -> bool:
    """Whether a decorator only declares another route of the same function."""
    return text_of(decorator).split("(")[0].rsplit(".", 1)[-1] in _METHODS | {"api_route", "websocket"}
