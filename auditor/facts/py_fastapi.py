"""FastAPI: applications, routers, what is included where, and the dependencies before each route."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.py_bindings import arguments, decorators, innermost_class, keyword, node_of, positional, returns
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
_INJECTED = re.compile(r"(?:^|\.)(?:Depends|Security)$")
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
            found += [*_injected(inner), *_made_to_order(names, inner)]
    return found


def _injected(holder: Site) -> Iterator[Site]:
    """The functions that `Depends` and `Security` name in a piece of code."""
    for call in nodes("python", holder.node, "call"):
        if _INJECTED.search(text_of(call.child_by_field_name("function"))):
            given = positional(call)
            named = keyword(call, "dependency")
            if given or named is not None:
                yield Site(holder.path, given[0] if given else named or call)


def _made_to_order(names: PyNames, holder: Site) -> Iterator[Site]:
    """The calls of functions of this repository that give a dependency back: `def allow(…): return Depends(check)`."""
    for call in nodes("python", holder.node, "call"):
        named = call.child_by_field_name("function")
        made = names.resolve(holder.path, named) if named is not None and named.type in _NAMES else None
        if isinstance(made, Site) and made.node.type == "function_definition":
            backs = returns(made.node)
            if backs and all(_gives_dependency(back) for back in backs):
                yield Site(holder.path, call)


def _gives_dependency(value: Node) -> bool:
    return value.type == "call" and bool(_INJECTED.search(text_of(value.child_by_field_name("function"))))


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


def injected_guards(names: PyNames, function: Site) -> tuple[Site, ...]:
    """What the parameters of a function, and the attributes of the class around it, ask to be run before it."""
    found: list[Site] = []
    for argument in arguments(function.node):
        for part in (argument.annotation, argument.default):
            if part is not None:
                found += _asked_by(names, Site(function.path, part))
        if argument.annotation is not None and argument.default is not None and "()" in text_of(argument.default):
            found += _by_type(argument.annotation, argument.default, function.path)
    holder = innermost_class(function.node)
    if holder is not None:
        found += _kept_by(names, Site(function.path, holder))
    return tuple(dict.fromkeys(found))


def _kept_by(names: PyNames, holder: Site) -> Iterator[Site]:
    """What the attributes of a class and of its base classes ask for: class-based views get them for each request."""
    for each in (holder, *(base for base in names.bases(holder) if isinstance(base, Site))):
        if each.node.type != "class_definition":
            continue
        for bound in names.scope(each.path, each.node).bound.values():
            node = node_of(bound)
            if node is not None and node.type == "call":
                yield from _injected(Site(each.path, node))
        for annotation in _annotated(each.node):
            yield from _asked_by(names, Site(each.path, annotation))


def _annotated(holder: Node) -> Iterator[Node]:
    """The types of a class's attributes that are given no value: `user: CurrentUser`."""
    body = holder.child_by_field_name("body")
    for statement in body.named_children if body is not None else ():
        inner = statement.named_children[0] if statement.type == "expression_statement" else None
        if inner is not None and inner.type == "assignment" and inner.child_by_field_name("right") is None:
            annotation = inner.child_by_field_name("type")
            if annotation is not None:
                yield annotation


def _by_type(annotation: Node, default: Node, path: str) -> Iterator[Site]:
    """`service: Service = Depends()` asks for what the annotation names."""
    if re.fullmatch(r"(?:\w+\.)?(?:Depends|Security)\(\)", text_of(default)):
        yield Site(path, annotation.named_children[0])


def _asked_by(names: PyNames, part: Site) -> Iterator[Site]:
    """`Annotated[T, Depends(f)]`, written here or under a name of another module."""
    yield from _injected(part)
    yield from _made_to_order(names, part)
    inner = part.node.named_children[0] if part.node.type == "type" and part.node.named_children else None
    for named in nodes("python", inner, "identifier", "attribute") if inner is not None else ():
        found = (
            names.resolve(part.path, named) if named.parent is not None and named.parent.type != "attribute" else None
        )
        if isinstance(found, Site) and found.node.type in {"subscript", "generic_type", "type"}:
            yield from _injected(found)
            yield from _made_to_order(names, found)
