"""Flask: applications, blueprints, class-based views and Flask-RESTful resources, with what runs before them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.py_bindings import decorators, keyword, positional
from auditor.facts.py_routes import Mount, Route, Router, flattened, key_of, only_at_home, router_of
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.py_names import PyNames
    from auditor.facts.py_routes import Key

_PACKAGES = re.compile(r"^(?:flask\w*|quart\w*|apiflask|connexion|apistar)\b")
_APP = re.compile(r"\.(?:Flask|APIFlask|OpenAPI|Quart|FlaskApp|App)$")
_BLUEPRINT = re.compile(r"\.(?:Blueprint|APIBlueprint|Namespace|Api|APIView)$")
_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_BEFORE = {"before_request", "before_app_request"}
_NAMED = re.compile(r"(?:^|_)(?:app|application|bp|blueprint|api|ns)\d*$|(?:bp|blueprint|_ns)$", re.IGNORECASE)


def find_flask(names: PyNames) -> Iterator[Endpoint]:
    """All endpoints of all Flask applications."""
    routers: dict[Key, Router] = {}
    concerned = re.compile(r"flask|quart|connexion|\.(?:register_blueprint|add_resource|add_namespace)", re.IGNORECASE)
    files = [path for path in names.paths() if concerned.search(names.code.text(path))]
    for path in files:
        for call in names.code.nodes(path, "call"):
            if (found := _router(names, Site(path, call))) is not None:
                routers[path, call.start_byte] = found
    for path in files:
        _read_calls(names, path, routers)
        for definition in names.code.nodes(path, "function_definition", "class_definition"):
            _read_decorators(names, Site(path, definition), routers)
    _stand_before_all(routers)
    yield from flattened("Flask", routers)


def _router(names: PyNames, call: Site) -> Router | None:
    written = text_of(call.node.child_by_field_name("function"))
    if not (written.rsplit(".", 1)[-1][:1].isupper()):
        return None
    made = names.made(call)
    dotted = names.dotted(made).removesuffix("()")
    if not dotted and isinstance(made, Site):
        dotted = next((name for base in names.bases(made) if _kind(name := names.dotted(base))), "")
    if not _kind(dotted):
        return None
    prefix = next((text for name in ("url_prefix", "prefix", "path")
                   if (text := names.text_value(call.path, keyword(call.node, name))) is not None), None)  # fmt: skip
    given = positional(call.node)
    if prefix is None and dotted.endswith(".Namespace") and given:
        prefix = names.text_value(call.path, given[0])
    return Router(prefix or "", is_app=_kind(dotted) == "app")


def _kind(dotted: str) -> str:
    if not _PACKAGES.match(dotted):
        return ""
    return "app" if _APP.search(dotted) else "blueprint" if _BLUEPRINT.search(dotted) else ""


def _stand_before_all(routers: dict[Key, Router]) -> None:
    """Extensions are made on an application: `Api(app)`; they are mounted on nothing else."""
    apps = [router for router in routers.values() if router.is_app]
    children = {mount.child for router in routers.values() for mount in router.mounted}
    if len(apps) == 1:
        for key, router in routers.items():
            if key not in children and not router.is_app:
                router.guards[:0] = apps[0].guards


def _read_calls(names: PyNames, path: str, routers: dict[Key, Router]) -> None:
    for call in names.code.nodes(path, "call"):
        function = call.child_by_field_name("function")
        site = Site(path, call)
        if key_of(site) in routers:
            _extend(names, site, routers)
        if function is None or function.type != "attribute":
            continue
        last, held = text_of(function.child_by_field_name("attribute")), function.child_by_field_name("object")
        if last in {"register_blueprint", "add_namespace", "add_url_rule", "add_resource", *_BEFORE, "register_api"}:
            owner = _owner(names, path, held, routers)
            if owner is not None:
                _apply(names, owner, site, last, routers)


def _extend(names: PyNames, call: Site, routers: dict[Key, Router]) -> None:
    """`Api(bp)` and `Api(app)`: what it holds is served there."""
    given = positional(call.node)
    found = names.resolve(call.path, given[0]) if given else None
    key = router_of(names, found, routers)
    if key is not None and key != key_of(call):
        routers[key].mounted.append(Mount(key_of(call)))


def _apply(names: PyNames, owner: Router, call: Site, last: str, routers: dict[Key, Router]) -> None:
    given = positional(call.node)
    if last in _BEFORE:
        owner.guards += [Site(call.path, each) for each in given[:1]]
    elif last == "add_url_rule":
        owner.routes += _rule(names, call)
    elif last == "add_resource":
        owner.routes += _resource(names, call)
    else:
        prefix = names.text_value(call.path, keyword(call.node, "url_prefix") or keyword(call.node, "path"))
        for each in names.alternatives(call.path, given[0] if given else keyword(call.node, "blueprint")):
            found = names.resolve(each.path, each.node)
            if (key := router_of(names, found, routers)) is not None:
                owner.mounted.append(Mount(key, instead=prefix, gateway=only_at_home(call.node)))


def _owner(names: PyNames, path: str, held: Node | None, routers: dict[Key, Router]) -> Router | None:
    """The application or blueprint that an expression stands for; an unknown parameter named like one stands alone."""
    found = names.resolve(path, held)
    if (key := router_of(names, found, routers)) is not None:
        return routers[key]
    made = names.made(found) if isinstance(found, Site) else found
    typed = isinstance(made, External) and bool(_kind(names.dotted(made).removesuffix("()")))
    if not typed and not (_NAMED.search(text_of(held)) and not isinstance(made, External)):
        return None
    apps = [router for router in routers.values() if router.is_app]
    return apps[0] if len(apps) == 1 else routers.setdefault((f"{path}#{text_of(held)}", 0), Router())


def _rule(names: PyNames, call: Site) -> Iterator[Route]:
    """`add_url_rule("/x", view_func=f)` and `view_func=View.as_view("x")`."""
    given = positional(call.node)
    path = names.text_value(call.path, given[0] if given else keyword(call.node, "rule")) or "{…}"
    view = keyword(call.node, "view_func") or next(iter(given[2:]), None)
    listed = _listed(names, call)
    if view is None:
        return
    found, guards = unwrapped(names, Site(call.path, view))
    if found is None:
        yield Route(listed or ("GET",), path, call, lost=text_of(view)[:60])
    elif found.node.type == "class_definition":
        yield from class_routes(names, found, path, call, guards, listed)
    else:
        yield Route(listed or ("GET",), path, call, found, (*guards, *decorator_guards(found)))


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
        elif given := positional(found.node):
            guards.append(Site(found.path, function))
            view = Site(found.path, given[-1])
        else:
            return None, tuple(guards)
    return None, tuple(guards)


def _resource(names: PyNames, call: Site) -> Iterator[Route]:
    given = positional(call.node)
    found = names.resolve(call.path, given[0]) if given else None
    for each in given[1:]:
        path = names.text_value(call.path, each) or "{…}"
        if isinstance(found, Site) and found.node.type == "class_definition":
            yield from class_routes(names, found, path, call, (), ())
        else:
            yield Route(("ALL",), path, call, lost=text_of(given[0]))


def class_routes(
    names: PyNames, owner: Site, path: str, at: Site, guards: tuple[Site, ...], listed: tuple[str, ...]
) -> Iterator[Route]:
    """One route for each method that a class answers, its base classes' too."""
    shared = (*guards, *class_guards(names, owner))
    for method in _METHODS:
        found = names.member(owner, method)
        if isinstance(found, Site) and found.node.type == "function_definition":
            if not listed or method.upper() in listed:
                yield Route((method.upper(),), path, at, found, (*shared, *decorator_guards(found)))
        elif method == "get" and isinstance(names.member(owner, "dispatch_request"), Site):
            handler = names.member(owner, "dispatch_request")
            assert isinstance(handler, Site)
            yield Route(listed or _usual(names, owner), path, at, handler, (*shared, *decorator_guards(handler)))


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
    return function.rsplit(".", 1)[-1] in {"route", *_METHODS} and "." in function and bool(given)


def _read_decorators(names: PyNames, definition: Site, routers: dict[Key, Router]) -> None:
    for written in decorators(definition.node):
        named = written.child_by_field_name("function") if written.type == "call" else written
        if named is None or named.type != "attribute":
            continue
        last, held = text_of(named.child_by_field_name("attribute")), named.child_by_field_name("object")
        if last in _BEFORE and (owner := _owner(names, definition.path, held, routers)) is not None:
            if last == "before_app_request":
                for router in routers.values():
                    if router.is_app:
                        router.guards.append(definition)
            else:
                owner.guards.append(definition)
        elif written.type == "call" and last in {"route", *_METHODS}:
            _read_route(names, definition, Site(definition.path, written), last, routers)


def _read_route(names: PyNames, definition: Site, call: Site, last: str, routers: dict[Key, Router]) -> None:
    given = positional(call.node)
    path = names.text_value(call.path, given[0] if given else keyword(call.node, "rule"))
    function = call.node.child_by_field_name("function")
    owner = _owner(names, call.path, function.child_by_field_name("object") if function else None, routers)
    if owner is None or path is None:
        return
    if definition.node.type == "class_definition":
        owner.routes += class_routes(names, definition, path, call, (), ())
        return
    listed = (last.upper(),) if last != "route" else _listed(names, call) or ("GET",)
    owner.routes.append(Route(listed, path, call, definition, tuple(decorator_guards(definition))))


def _listed(names: PyNames, call: Site) -> tuple[str, ...]:
    found = [names.text_value(each.path, each.node) for each in names.items(call.path, keyword(call.node, "methods"))]
    return tuple(dict.fromkeys(method.upper() for method in found if method and method.upper() != "OPTIONS"))
