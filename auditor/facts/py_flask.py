"""Flask: applications, blueprints, class-based views and Flask-RESTful resources, with what runs before them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.py_bindings import arguments, decorators, keyword, positional
from auditor.facts.py_classful import classful_routes, is_classful
from auditor.facts.py_flask_prefixes import below, prefixes_around
from auditor.facts.py_flask_views import METHODS, class_routes, decorator_guards, handler_classes, in_turn, unwrapped
from auditor.facts.py_path_secrets import path_secret_of
from auditor.facts.py_routes import Mount, Route, Router, Routers, flattened, key_of, only_at_home, router_of
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
_BEFORE_ALL = {"before_app_request", "app_url_value_preprocessor"}
_BEFORE = {"before_request", "url_value_preprocessor", *_BEFORE_ALL}
_CALLED = {"register_blueprint", "add_namespace", "add_url_rule", "register_api", *_BEFORE}
_ADDS = re.compile(r"add_(?:\w+_)?resource$")
_NAMED = re.compile(r"(?:^|_)(?:app|application|bp|blueprint|api|ns)\d*$|(?:bp|blueprint|_ns)$", re.IGNORECASE)


def find_flask(names: PyNames) -> Iterator[Endpoint]:
    """All endpoints of all Flask applications."""
    routers = Routers(names.code)
    concerned = re.compile(
        r"flask|quart|connexion|\.(?:register_blueprint|add_\w*resource|add_namespace|add_url_rule|(?:route|get|post|put|patch|delete)\()",
        re.IGNORECASE,
    )
    if not names.mentions("flask", "Flask", "quart", "connexion"):
        return
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
            _through_helper(names, site, routers)
            continue
        last, held = text_of(function.child_by_field_name("attribute")), function.child_by_field_name("object")
        view = names.resolve(path, held) if last == "register" else None
        if is_classful(names, view) and isinstance(view, Site):
            owner = _owner(names, path, next(iter(positional(call)), None), routers)
            if owner is not None:
                owner.routes += classful_routes(names, view, site)
        elif last in _CALLED or _ADDS.match(last):
            owner = _owner(names, path, held, routers)
            if owner is not None:
                _apply(names, owner, site, last, routers)


def _through_helper(names: PyNames, call: Site, routers: dict[Key, Router]) -> None:
    """`register_view(bp, routes=["/x"], view_func=V.as_view("x"))`, where a function of this repository adds rules."""
    view = keyword(call.node, "view_func")
    if view is None:
        return
    function = names.resolve(call.path, call.node.child_by_field_name("function"))
    if not isinstance(function, Site) or ".add_url_rule(" not in text_of(function.node):
        return
    given = [*positional(call.node), *filter(None, [keyword(call.node, "routes"), keyword(call.node, "rules")])]
    owner = next((o for each in given[:1] if (o := _owner(names, call.path, each, routers)) is not None), None)
    listed = [each for node in given[1:] for each in names.items(call.path, node) or [Site(call.path, node)]]
    for each in listed if owner is not None else ():
        path = path_value(names, each.path, each.node)
        if owner is not None and path is not None and path.startswith("/"):
            owner.routes += _answered(names, call, path, Site(call.path, view))


def path_value(names: PyNames, path: str, node: Node | None) -> str | None:
    """The text of a path, also of one that a function of the project completes: `scoped("/things")`."""
    if node is not None and node.type == "call" and (given := positional(node)):
        inner = names.text_value(path, given[0])
        return inner if inner is not None and inner.startswith("/") else None
    if node is not None and node.type == "subscript":
        return _configured(names, path, node)
    return names.text_value(path, node)


def _configured(names: PyNames, path: str, node: Node) -> str | None:
    """`app.config["ADMIN_PREFIX"]`: the one value that a configuration of this repository gives it."""
    key = names.text_value(path, node.child_by_field_name("subscript"))
    if (
        not key
        or not re.fullmatch(r"[A-Z][A-Z0-9_]+", key)
        or "config" not in text_of(node.child_by_field_name("value"))
    ):
        return None
    given = re.compile(rf"^\s*(?:{key}|\w[\w.]*\.config\[[\"']{key}[\"']\])\s*=\s*[\"']([^\"'\n]*)[\"']", re.MULTILINE)
    found = {match[1] for each in names.paths() if key in names.code.text(each)
             for match in given.finditer(names.code.text(each))}  # fmt: skip
    return found.pop() if len(found) == 1 else None


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
        owner.routes += _prefixed(names, call)
    elif _ADDS.match(last):
        owner.routes += _resource(names, call)
    else:
        named = keyword(call.node, "url_prefix") or keyword(call.node, "path")
        second = given[1] if last == "add_namespace" and len(given) > 1 else None
        prefix = path_value(names, call.path, named or second)
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


def _prefixed(names: PyNames, call: Site) -> Iterator[Route]:
    """A rule, once for each prefix that the block around it says."""
    given = positional(call.node)
    secret = path_secret_of(names, call.path, given[0] if given else keyword(call.node, "rule"))
    for put in prefixes_around(names, call):
        for each in _rule(names, call):
            yield replace(each, path=below(put, each.path), gateway=secret)


def _rule(names: PyNames, call: Site) -> Iterator[Route]:
    """`add_url_rule("/x", view_func=f)` and `view_func=View.as_view("x")`."""
    given = positional(call.node)
    rule = given[0] if given else keyword(call.node, "rule")
    view = keyword(call.node, "view_func") or next(iter(given[2:]), None)
    for row in in_turn(names, call.path, [each for each in (rule, view) if each is not None]) if view else ():
        path = path_value(names, row[0].path, row[0].node) if rule is not None else None
        if path is not None or not _is_parameter(row[-1].node):
            yield from _answered(names, call, path or "{…}", row[-1])


def _is_parameter(view: Node) -> bool:
    """Whether a helper is handed the view: those who call the helper say which."""
    current = view.parent
    while current is not None and current.type != "function_definition":
        current = current.parent
    return current is not None and text_of(view) in [argument.name for argument in arguments(current)]


def _answered(names: PyNames, call: Site, path: str, view: Site) -> Iterator[Route]:
    listed = _listed(names, call)
    found, guards = unwrapped(names, view)
    if found is None:
        yield Route(listed or ("GET",), path, call, lost=text_of(view.node)[:60])
    elif found.node.type == "class_definition":
        answered = list(class_routes(names, found, path, call, guards, listed))
        yield from answered or handler_classes(names, found, path, call, listed)
    else:
        yield Route(listed or ("GET",), path, call, found, (*guards, *decorator_guards(found)))


def _resource(names: PyNames, call: Site) -> Iterator[Route]:
    for given in in_turn(names, call.path, positional(call.node)):
        found = names.resolve(given[0].path, given[0].node) if given else None
        for each in given[1:]:
            path = path_value(names, each.path, each.node) or "{…}"
            if isinstance(found, Site) and found.node.type == "class_definition":
                yield from class_routes(names, found, path, call, (), ())
            else:
                yield Route(("ALL",), path, call, lost=text_of(given[0].node))


def _read_decorators(names: PyNames, definition: Site, routers: dict[Key, Router]) -> None:
    for written in decorators(definition.node):
        named = written.child_by_field_name("function") if written.type == "call" else written
        if named is None or named.type != "attribute":
            continue
        last, held = text_of(named.child_by_field_name("attribute")), named.child_by_field_name("object")
        if last in _BEFORE and (owner := _owner(names, definition.path, held, routers)) is not None:
            if last in _BEFORE_ALL:
                for router in routers.values():
                    if router.is_app:
                        router.guards.append(definition)
            else:
                owner.guards.append(definition)
        elif written.type == "call" and last in {"route", *METHODS}:
            _read_route(names, definition, Site(definition.path, written), last, routers)


def _read_route(names: PyNames, definition: Site, call: Site, last: str, routers: dict[Key, Router]) -> None:
    given = positional(call.node)
    path = path_value(names, call.path, given[0] if given else keyword(call.node, "rule"))
    function = call.node.child_by_field_name("function")
    owner = _owner(names, call.path, function.child_by_field_name("object") if function else None, routers)
    if owner is None or path is None:
        return
    if definition.node.type == "class_definition":
        owner.routes += class_routes(names, definition, path, call, (), ())
        return
    listed = (last.upper(),) if last != "route" else _listed(names, call) or ("GET",)
    secret = path_secret_of(names, call.path, given[0] if given else keyword(call.node, "rule"))
    owner.routes.append(Route(listed, path, call, definition, tuple(decorator_guards(definition)), gateway=secret))


def _listed(names: PyNames, call: Site) -> tuple[str, ...]:
    found = [names.text_value(each.path, each.node) for each in names.items(call.path, keyword(call.node, "methods"))]
    return tuple(dict.fromkeys(method.upper() for method in found if method and method.upper() != "OPTIONS"))
