"""Django and Django REST framework: URL patterns across modules, and the views and actions behind them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.facts.endpoints import join_paths
from auditor.facts.pieces import Kept
from auditor.facts.py_bindings import Imported, keyword, node_of, positional, returns
from auditor.facts.py_django_models import model_asked, model_views
from auditor.facts.py_django_patterns import cleaned
from auditor.facts.py_django_routers import mapped_by, read_registered
from auditor.facts.py_django_settings import read_settings
from auditor.facts.py_django_views import view_routes, viewset_routes
from auditor.facts.py_flask_views import unwrapped
from auditor.facts.py_modules import Package
from auditor.facts.py_ninja import ninja_routes
from auditor.facts.py_routes import endpoints_of
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tree_sitter import Node

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.py_django_models import ModelView
    from auditor.facts.py_django_routers import Mapped, Registered
    from auditor.facts.py_django_settings import Settings
    from auditor.facts.py_names import PyNames
    from auditor.facts.py_routes import Key, Route

_ENTRY = re.compile(r"(?:^|\.)(?:path|re_path|url)$")
_LIKE_AN_ENTRY = re.compile(r"(?:path|url|route)s?(?:_\w+)?$", re.IGNORECASE)
_MAX_DEPTH = 8


@dataclass(slots=True)
class _Urls:
    """Reads patterns; `included` are the modules that another one names, `registered` the view sets of each router."""

    names: PyNames
    settings: Settings
    included: set[str] = field(default_factory=set)
    registered: Registered = field(default_factory=dict)
    of_models: dict[tuple[str, str], list[ModelView]] | None = None
    ninja: dict[Key, list[Route]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One pattern's view, or one view set that a router registers."""

    path: str
    view: Site
    registered: bool = False
    mapped: tuple[Mapped, ...] = ()
    route: Route | None = None


def find_django(names: PyNames) -> Iterator[Endpoint]:
    """All endpoints of all Django projects."""
    files = [path for path in names.paths() if "urlpatterns" in names.code.text(path)]
    if not files:
        return
    urls = _Urls(names, read_settings(names))
    urls.registered, urls.ninja = read_registered(names), ninja_routes(names)
    kept = Kept(names.code, (call for calls in urls.registered.values() for call in calls))
    kept.extend(site for routes in urls.ninja.values() for route in routes for site in route.sites)
    found: dict[str, list[_Leaf]] = {}
    for path in files:
        found[path] = list(_of_file(urls, path, "", _MAX_DEPTH))
        kept.extend(leaf.view for leaf in found[path])
    roots = _roots(names) or {path for path in files if path not in urls.included}
    for path in files:
        if path in roots:
            for leaf in found[path]:
                yield from _endpoints(urls, leaf)


def _roots(names: PyNames) -> set[str]:
    """The modules that the settings name as the beginning of all URLs."""
    found = set()
    for path in names.paths():
        for match in re.finditer(r"^ROOT_URLCONF\s*=\s*[\"']([\w.]+)", names.code.text(path), re.MULTILINE):
            module = names.module(path, match[1])
            found.add(names.file_of(module.stem) if isinstance(module, Package) else None)
    return {path for path in found if path is not None}


def _endpoints(urls: _Urls, leaf: _Leaf) -> Iterator[Endpoint]:
    found: Iterable[Route] = [leaf.route] if leaf.route is not None else _of_view(urls, leaf.view)
    if leaf.registered:
        found = viewset_routes(urls.names, urls.settings, leaf.view, leaf.mapped)
    everywhere = tuple(urls.settings.everywhere) if leaf.route is not None else ()
    for route in found:
        for endpoint in endpoints_of(route, leaf.path, everywhere):
            yield replace(endpoint, framework="Django" if leaf.route is None else "Django Ninja")


def _of_file(urls: _Urls, path: str, prefix: str, depth: int) -> Iterator[_Leaf]:
    names = urls.names.scope(path, urls.names.code.tree(path).root_node)
    bound = node_of(names.bound.get("urlpatterns"))
    for node in [*([bound] if bound is not None else []), *names.extended.get("urlpatterns", [])]:
        yield from _of_list(urls, Site(path, node), prefix, depth)


def _of_list(urls: _Urls, patterns: Site, prefix: str, depth: int) -> Iterator[_Leaf]:
    """Patterns in a list, in lists that are added up, in what wraps a list, or a router's own."""
    node = patterns.node
    if node.type in {"identifier", "attribute"}:
        yield from _of_name(urls, patterns, prefix, depth)
    elif node.type in {"binary_operator", "parenthesized_expression", "list_splat"}:
        for child in node.named_children:
            yield from _of_list(urls, Site(patterns.path, child), prefix, depth)
    elif _is_entry(urls, patterns):
        yield from _of_entry(urls, patterns, prefix, depth)
    elif node.type in {"list", "tuple", "expression_list"}:
        for child in node.named_children:
            yield from _of_entry(urls, Site(patterns.path, child), prefix, depth)
    elif node.type == "call" and not text_of(node.child_by_field_name("function")).endswith("static"):
        for child in positional(node):
            yield from _of_list(urls, Site(patterns.path, child), prefix, depth)


def _of_name(urls: _Urls, named: Site, prefix: str, depth: int) -> Iterator[_Leaf]:
    if named.node.type == "attribute" and text_of(named.node.child_by_field_name("attribute")) == "urls":
        router = urls.names.resolve(named.path, named.node.child_by_field_name("object"))
        if isinstance(router, Site):
            yield from _of_router(urls, router, prefix)
        return
    found = urls.names.resolve(named.path, named.node)
    if isinstance(found, Site) and depth and found.node.type not in {"identifier", "attribute"}:
        if found.path != named.path and text_of(named.node) != "urlpatterns":
            urls.included |= {found.path} if _is_whole(urls, found) else set()
        yield from _of_list(urls, found, prefix, depth - 1)
        for added in _added_to(urls, named, found):
            yield from _of_list(urls, added, prefix, depth - 1)
    elif depth and (kept := _kept_urls(urls, named)) is not None:
        yield from _of_name(urls, kept, prefix, depth - 1)


def _kept_urls(urls: _Urls, named: Site) -> Site | None:
    """The `api.urls` that a module keeps under a name, `urls = api.urls`, here or where the name is imported from."""
    path, name = named.path, text_of(named.node)
    bound = urls.names.scope(path, urls.names.code.tree(path).root_node).bound.get(name)
    if isinstance(bound, Imported):
        module = urls.names.module(path, bound.module)
        held = urls.names.file_of(module.stem) if isinstance(module, Package) else None
        if held is None:
            return None
        path = held
        bound = urls.names.scope(path, urls.names.code.tree(path).root_node).bound.get(bound.name)
    written = node_of(bound)
    return Site(path, written) if written is not None and text_of(written).endswith(".urls") else None


def _added_to(urls: _Urls, named: Site, found: Site) -> list[Site]:
    """What a module adds to a list after it is made: `urls += others`; those of `urlpatterns` in its own file are read
    with the file.
    """
    scope = urls.names.scope(named.path, urls.names.code.tree(named.path).root_node)
    name = text_of(named.node)
    bound = scope.bound.get(name)
    if isinstance(bound, Imported):
        other = urls.names.scope(found.path, urls.names.code.tree(found.path).root_node)
        return [Site(found.path, node) for node in other.extended.get(bound.name, [])]
    return [Site(named.path, node) for node in scope.extended.get(name, []) if name != "urlpatterns"]


def _is_whole(urls: _Urls, found: Site) -> bool:
    """Whether a list is the patterns of its whole module."""
    bound = urls.names.scope(found.path, urls.names.code.tree(found.path).root_node).bound.get("urlpatterns")
    return bound == found.node


def _of_router(urls: _Urls, router: Site, prefix: str) -> Iterator[_Leaf]:
    for each in urls.ninja.get((router.path, router.node.start_byte), ()):
        yield _Leaf(prefix, each.where, route=each)
    mapped = tuple(mapped_by(urls.names, router))
    for call in urls.registered.get((router.path, router.node.start_byte), []):
        given = positional(call.node)
        route = cleaned(urls.names.text_value(call.path, given[0]) or "")
        view = urls.names.resolve(call.path, given[1])
        if isinstance(view, Site) and view.node.type == "class_definition":
            yield _Leaf(join_paths(prefix, route), view, registered=True, mapped=mapped)


def _of_entry(urls: _Urls, entry: Site, prefix: str, depth: int) -> Iterator[_Leaf]:
    if entry.node.type == "list_splat" or entry.node.type in {"identifier", "attribute"}:
        yield from _of_list(urls, entry, prefix, depth)
        return
    if not _is_entry(urls, entry):
        return
    given = positional(entry.node)
    view = given[1] if len(given) > 1 else keyword(entry.node, "view")
    if view is None:
        return
    first = given[0] if given else keyword(entry.node, "route") or keyword(entry.node, "regex")
    route = cleaned(_written(urls, Site(entry.path, first))) if first is not None else ""
    whole = join_paths(prefix, route)
    included = view.type == "call" and text_of(view.child_by_field_name("function")).endswith("include")
    if included and depth:
        yield from _of_include(urls, Site(entry.path, view), whole, depth - 1)
    elif text_of(view).endswith(".urls") or (view.type == "identifier" and _kept_urls(urls, Site(entry.path, view))):
        yield from _of_name(urls, Site(entry.path, view), whole, depth)
    else:
        yield _Leaf(whole, Site(entry.path, view))


def _is_entry(urls: _Urls, entry: Site, hops: int = 2) -> bool:
    """Whether a call is one of Django's own, `path(…)`, or of a function of the repository that gives one back."""
    if entry.node.type != "call":
        return False
    called = entry.node.child_by_field_name("function")
    if _ENTRY.search(text_of(called)):
        return True
    if hops == 0 or not _LIKE_AN_ENTRY.search(text_of(called)):
        return False
    function = urls.names.resolve(entry.path, called)
    if not isinstance(function, Site) or function.node.type != "function_definition":
        return False
    return any(_is_entry(urls, Site(function.path, each), hops - 1) for each in returns(function.node))


def _of_view(urls: _Urls, view: Site) -> Iterator[Route]:
    mapping = _mapping(urls, view)
    found, wrappers = unwrapped(urls.names, view)
    yield from view_routes(urls.names, urls.settings, view, found, wrappers, mapping)


def _mapping(urls: _Urls, view: Site) -> dict[str, str]:
    """`ThingViewSet.as_view({"get": "list"})`."""
    node = urls.names.resolve(view.path, view.node)
    given = positional(node.node) if isinstance(node, Site) and node.node.type == "call" else []
    if not given or given[0].type != "dictionary":
        return {}
    pairs = [child for child in given[0].named_children if child.type == "pair"]
    return {_text(pair.child_by_field_name("key")): _text(pair.child_by_field_name("value")) for pair in pairs}


def _of_include(urls: _Urls, call: Site, prefix: str, depth: int) -> Iterator[_Leaf]:
    given = positional(call.node)
    if not given:
        return
    first = given[0]
    if first.type == "tuple" and first.named_children:
        first = first.named_children[0]
    named = urls.names.text_value(call.path, first) if first.type == "string" else None
    module = urls.names.module(call.path, named) if named else urls.names.resolve(call.path, first)
    if isinstance(module, Package) and (path := urls.names.file_of(module.stem)) is not None:
        urls.included.add(path)
        yield from _of_file(urls, path, prefix, depth)
    elif (model := model_asked(first)) is not None:
        urls.of_models = model_views(urls.names) if urls.of_models is None else urls.of_models
        for each in urls.of_models.get(model[:2], []):
            if each.detail == model[2]:
                yield _Leaf(join_paths(prefix, each.path), each.view)
    elif named is None and (not isinstance(module, External) or text_of(first).endswith(".urls")):
        yield from _of_list(urls, Site(call.path, first), prefix, depth)


def _written(urls: _Urls, route: Site) -> str:
    """The text of a route; what `.format(…)` puts into it is left out."""
    called = route.node.child_by_field_name("function") if route.node.type == "call" else None
    if called is not None and text_of(called).endswith(".format"):
        inner = urls.names.text_value(route.path, called.child_by_field_name("object"))
        return re.sub(r"\{\w*\}", "", inner or "")
    return urls.names.text_value(route.path, route.node) or ""


def _text(node: Node | None) -> str:
    return text_of(node).strip("\"'")
