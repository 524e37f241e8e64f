"""Django views: which methods a function or a class answers, and the permissions and decorators before each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.py_bindings import decorators, keyword, positional
from auditor.facts.py_django_patterns import cleaned
from auditor.facts.py_routes import Route
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.py_django_settings import Settings
    from auditor.facts.py_names import PyNames

_METHODS = ("get", "post", "put", "patch", "delete")
_DEFAULTS = {
    "list": ("GET", ""), "create": ("POST", ""), "retrieve": ("GET", "<pk>"), "update": ("PUT", "<pk>"),
    "partial_update": ("PATCH", "<pk>"), "destroy": ("DELETE", "<pk>"),
}  # fmt: skip
_MIXINS = {
    "ListModelMixin": ("list",), "CreateModelMixin": ("create",), "RetrieveModelMixin": ("retrieve",),
    "UpdateModelMixin": ("update", "partial_update"), "DestroyModelMixin": ("destroy",),
    "ModelViewSet": tuple(_DEFAULTS), "ReadOnlyModelViewSet": ("list", "retrieve"),
}  # fmt: skip
_VIEWS = {
    "ListAPIView": "get", "RetrieveAPIView": "get", "CreateAPIView": "post", "DestroyAPIView": "delete",
    "UpdateAPIView": "put patch", "ListCreateAPIView": "get post", "RetrieveUpdateAPIView": "get put patch",
    "RetrieveDestroyAPIView": "get delete", "RetrieveUpdateDestroyAPIView": "get put patch delete",
    "TemplateView": "get", "ListView": "get", "DetailView": "get", "RedirectView": "get", "CreateView": "get post",
    "UpdateView": "get post", "DeleteView": "get post", "FormView": "get post", "ArchiveIndexView": "get",
    "LoginView": "get post", "PasswordResetView": "get post", "PasswordChangeView": "get post",
    "PasswordResetConfirmView": "get post", "LogoutView": "post", "SignupView": "get post", "RegisterView": "post",
    "SocialLoginView": "post", "ObtainAuthToken": "post", "TokenObtainPairView": "post", "TokenRefreshView": "post",
    "TokenVerifyView": "post", "TokenBlacklistView": "post", "TokenObtainSlidingView": "post", "Feed": "get",
    "FormPreview": "get post", "DayArchiveView": "get", "DateDetailView": "get", "GraphQLView": "get post",
    "FilterView": "get", "SingleTableView": "get", "EmailView": "get post",
}  # fmt: skip
_THROUGH_FORM = re.compile(
    r"(?:Create|Update|Form)View$|(?:Create|Update\w*|ListCreate)APIView$|ModelViewSet$|ModelMixin$"
)
_MAPPED = re.compile(r"(?:\w+\.)?(?P<action>\w+)\.mapping\.(?P<method>get|post|put|patch|delete)")
_REQUIRED = re.compile(r"require_(?:POST|GET|safe|http_methods)")
_ASKED = re.compile(r"request\.method\s*(?:==|!=|in|not in)[^:\n]*|request\.(?:POST|body|FILES)\b")


# A view whose methods its package has; one that only serves documents is left out.
_OF_PACKAGE = re.compile(r"^(?!Spectacular|Schema|Swagger|Redoc|.*Docs?View$)\w+View$")
# A view set whose actions its package has.
_VIEW_SET = re.compile(r"(?!(?:Generic)?ViewSet$)\w+ViewSet")


def view_routes(
    names: PyNames, settings: Settings, at: Site, view: Site | None, wrappers: tuple[Site, ...], mapping: dict[str, str]
) -> Iterator[Route]:
    """The routes of what one URL pattern names."""
    shared = (*settings.everywhere, *wrappers)
    if view is None:
        methods, page = _of_package(names, at)
        handler, lost = (at, "") if page else (None, text_of(at.node)[:60])
        yield from ([Route(methods, "", at, handler, guards=shared, lost=lost)] if methods else [])
    elif view.node.type == "function_definition":
        yield _function(names, settings, at, view, shared)
    else:
        yield from _class(names, settings, at, view, shared, mapping)


def _of_package(names: PyNames, at: Site) -> tuple[tuple[str, ...], bool]:
    """The methods of a package's view, and whether it is a page that asks nobody: `TemplateView.as_view(…)`.

    What only serves documents is left out.
    """
    call = at.node.child_by_field_name("function") if at.node.type == "call" else None
    held = call.child_by_field_name("object") if call is not None and call.type == "attribute" else at.node
    found = names.resolve(at.path, held)
    if isinstance(found, Site) and text_of(found.node.child_by_field_name("function")).endswith(".as_view"):
        return _of_package(names, found) if found != at else ((), False)
    if isinstance(found, Site) and isinstance(made := names.made(found), External):
        found = made
    if isinstance(found, External):
        page = found.package.startswith("django") and found.last in {"TemplateView", "RedirectView"}
        return tuple(_VIEWS.get(found.last, "").upper().split()), page
    return ("ALL",), False


def _function(names: PyNames, settings: Settings, at: Site, view: Site, shared: tuple[Site, ...]) -> Route:
    """A function that answers; REST framework's bears `@api_view`."""
    written = decorators(view.node)
    listed: tuple[str, ...] = ()
    for each in written:
        listed = listed or _named_methods(names, Site(view.path, each))
    guards = [Site(view.path, each) for each in written if not _named_methods(names, Site(view.path, each))]
    rest = any("api_view" in text_of(each) for each in written)
    if rest:
        guards = [*_unless(guards, settings.permissions, "permission_classes"),
                  *_unless(guards, settings.throttles, "throttle_classes"), *guards]  # fmt: skip
    return Route(listed or _asked_methods(view), "", at, view, (*shared, *_flat(names, guards)))


def _unless(guards: list[Site], defaults: list[Site], name: str) -> list[Site]:
    return [] if any(text_of(each.node).split("(")[0].endswith(name) for each in guards) else defaults


def _flat(names: PyNames, guards: list[Site]) -> Iterator[Site]:
    """`@permission_classes([A, B])` stands for A and B."""
    for each in guards:
        name = text_of(each.node).split("(")[0].rsplit(".", 1)[-1]
        if name in {"permission_classes", "throttle_classes"} and (given := positional(each.node)):
            yield from names.items(each.path, given[0])
        else:
            yield each


def _named_methods(names: PyNames, decorator: Site) -> tuple[str, ...]:
    name = text_of(decorator.node).split("(")[0].rsplit(".", 1)[-1]
    if name in {"api_view", "require_http_methods"}:
        given = positional(decorator.node) if decorator.node.type == "call" else []
        values = names.items(decorator.path, given[0]) if given else []
        return tuple((names.text_value(each.path, each.node) or "GET").upper() for each in values) or ("GET",)
    return {"require_POST": ("POST",), "require_GET": ("GET",), "require_safe": ("GET",)}.get(name, ())


def _asked_methods(view: Site) -> tuple[str, ...]:
    """The methods that a function tells apart; one that reads no body is only read from."""
    asked = " ".join(match[0] for match in _ASKED.finditer(text_of(view.node)))
    found = [method for method in ("GET", "POST", "PUT", "PATCH", "DELETE") if re.search(rf"['\"]{method}['\"]", asked)]
    if re.search(r"request\.(?:POST|body|FILES)", asked) and "POST" not in found:
        found.append("POST")
    if re.search(r"==\s*['\"]POST", asked) and "GET" not in found:
        found.insert(0, "GET")
    return tuple(found) or ("GET",)


def _class(
    names: PyNames,
    settings: Settings,
    at: Site,
    view: Site,
    shared: tuple[Site, ...],
    mapping: dict[str, str],
) -> Iterator[Route]:
    bases = [base.last for base in names.bases(view) if isinstance(base, External)]
    listed = mapping or {m: m for base in bases for m in _VIEWS.get(base, "").split()}
    listed |= {} if mapping else {m: m for m in _METHODS if isinstance(names.member(view, m), Site)}
    form = {} if mapping or not isinstance(names.member(view, "form_valid"), Site) else {"get": "get", "post": "post"}
    if not (listed | form) and (unknown := [base for base in bases if _OF_PACKAGE.search(base)]):
        yield Route(
            ("ALL",), "", at, None, shared, lost=f"{text_of(view.node.child_by_field_name('name'))}: {unknown[0]}"
        )
    for method, name in (listed | form).items():
        chosen = keyword(at.node, "http_method_names") if at.node.type == "call" else None
        named = [text_of(each.node).strip("\"'") for each in names.items(at.path, chosen)]
        if method in (named or [method]) and _allowed(names, view, method):
            yield _of_class(names, settings, at, view, shared, (method.upper(), name, ""))


def viewset_routes(
    names: PyNames, settings: Settings, view: Site, mapped: tuple[tuple[str, str, str], ...] = ()
) -> Iterator[Route]:
    """The routes of a view set that a router registers: the usual actions, those of the router's class, its own."""
    bases = [base.last for base in names.bases(view) if isinstance(base, External)]
    usual = {action for base in bases for action in _MIXINS.get(base, ())}
    shared = tuple(settings.everywhere)
    for action, (method, tail) in _DEFAULTS.items():
        if (action in usual or _own(names, view, action) is not None) and _allowed(names, view, method):
            yield _of_class(names, settings, view, view, shared, (method, action, tail))
    for method, action, tail in mapped:
        if action not in _DEFAULTS and _own(names, view, action) is not None and _allowed(names, view, method):
            yield _of_class(names, settings, view, view, shared, (method, action, tail))
    known = usual or any(_own(names, view, action) is not None for action in _DEFAULTS)
    if unknown := [base for base in bases if not known and _VIEW_SET.fullmatch(base)]:
        lost = f"{text_of(view.node.child_by_field_name('name'))}: {unknown[0]}"
        yield from (Route(("ALL",), tail, view, None, shared, lost=lost) for tail in ("", "<pk>"))
    for owner, function in _functions(names, view):
        for each in decorators(function):
            if text_of(each).split("(")[0].rsplit(".", 1)[-1] == "action" and each.type == "call":
                yield from _action(names, settings, view, Site(owner.path, function), each)
            elif match := _MAPPED.fullmatch(text_of(each)):
                yield from _also(names, settings, view, function, match)


def _functions(names: PyNames, view: Site) -> Iterator[tuple[Site, Node]]:
    """The functions of a view set and of the classes of this repository that it extends, the nearest of each name."""
    seen: set[str] = set()
    for owner in (view, *(base for base in names.bases(view) if isinstance(base, Site))):
        found = nodes("python", owner.node, "function_definition")
        named = [(text_of(each.child_by_field_name("name")), each) for each in found]
        yield from ((owner, each) for name, each in named if name not in seen)
        seen.update(name for name, _ in named)


def _action(names: PyNames, settings: Settings, view: Site, function: Site, call: Node) -> Iterator[Route]:
    name, path = text_of(function.node.child_by_field_name("name")), function.path
    tail = cleaned(names.text_value(path, keyword(call, "url_path")) or name)
    detail = text_of(keyword(call, "detail")) == "True"
    methods = [names.text_value(each.path, each.node) for each in names.items(path, keyword(call, "methods"))]
    special = names.items(path, keyword(call, "permission_classes"))
    for method in [each.upper() for each in methods if each] or ["GET"]:
        found = (method, name, f"<pk>/{tail}" if detail else tail)
        yield _of_class(names, settings, view, view, tuple(settings.everywhere), found, special)


def _also(names: PyNames, settings: Settings, view: Site, function: Node, match: re.Match[str]) -> Iterator[Route]:
    """`@bulk.mapping.delete`: another method at the path of the action `bulk`."""
    first = _own(names, view, match["action"])
    for each in decorators(first.node) if first is not None else ():
        if each.type == "call" and text_of(each).split("(")[0].rsplit(".", 1)[-1] == "action" and first is not None:
            shared, special = tuple(settings.everywhere), names.items(first.path, keyword(each, "permission_classes"))
            tail = cleaned(names.text_value(first.path, keyword(each, "url_path")) or match["action"])
            whole = f"<pk>/{tail}" if text_of(keyword(each, "detail")) == "True" else tail
            name = text_of(function.child_by_field_name("name"))
            yield _of_class(names, settings, view, view, shared, (match["method"].upper(), name, whole), special)


def _own(names: PyNames, view: Site, name: str) -> Site | None:
    found = names.member(view, name)
    return found if isinstance(found, Site) and found.node.type == "function_definition" else None


def _allowed(names: PyNames, view: Site, method: str) -> bool:
    found = names.member(view, "http_method_names")
    listed = (
        [text_of(each.node).strip("\"'") for each in names.items(found.path, found.node)]
        if isinstance(found, Site)
        else []
    )
    return not listed or method.lower() in listed


def _of_class(
    names: PyNames,
    settings: Settings,
    at: Site,
    view: Site,
    shared: tuple[Site, ...],
    what: tuple[str, str, str],
    special: list[Site] | None = None,
) -> Route:
    method, name, tail = what
    handler = _own(names, view, name) or (_own(names, view, "destroy") if name == "delete" else None)
    around = [_own(names, view, each) for each in ("setup", "dispatch", "initial", "parse_params")]
    guards = [*shared, *(Site(view.path, each) for each in decorators(view.node))]
    guards += [Site(f.path, each) for f in (*around, handler) if f is not None for each in decorators(f.node)]
    guards += _mixins(names, view)
    bases = [base.last for base in names.bases(view) if isinstance(base, External)]
    if any(re.search(r"APIView$|ViewSet$", base) for base in bases):
        guards += special or _permissions(names, view, name, settings)
        guards += _listed(names, view, "throttle_classes", settings.throttles)
    guards += [each for each in around if each is not None]
    through = handler is None and method not in {"GET", "DELETE"} and any(_THROUGH_FORM.search(base) for base in bases)
    form = method == "POST" and any(re.search(r"(?:Create|Update|Form)View$", base) for base in bases)
    schemas = frozenset(["*"]) if through or form else frozenset[str]()
    return Route((method,), tail, at, handler or view, tuple(guards), schemas)


def _mixins(names: PyNames, view: Site) -> Iterator[Site]:
    """The base classes as they are written in the class statement, those of base classes of this repository too."""
    for owner in (view, *(base for base in names.bases(view) if isinstance(base, Site))):
        given = owner.node.child_by_field_name("superclasses") if owner.node.type == "class_definition" else None
        for each in given.named_children if given is not None else ():
            named = each.type in {"identifier", "attribute"}
            if named and re.search(r"Mixin|Required|Permission|Access", text_of(each)):
                yield Site(owner.path, each)


def _listed(names: PyNames, view: Site, name: str, defaults: list[Site]) -> list[Site]:
    found = names.member(view, name)
    return names.items(found.path, found.node) if isinstance(found, Site) else defaults


def _permissions(names: PyNames, view: Site, action: str, settings: Settings) -> list[Site]:
    """The permissions of one action, where `get_permissions` tells actions apart too."""
    chosen = _own(names, view, "get_permissions")
    if chosen is not None:
        return [*_chosen(chosen, action), *_listed(names, view, "permission_classes", [])] or settings.permissions
    return _listed(names, view, "permission_classes", settings.permissions)


def _chosen(function: Site, action: str) -> list[Site]:
    """The branch of `get_permissions` that is about this action, else the code after the branches."""
    rest: list[Site] = []
    for node in nodes("python", function.node, "if_statement", "elif_clause"):
        condition = text_of(node.child_by_field_name("condition"))
        body = node.child_by_field_name("consequence")
        if re.search(rf"['\"]{action}['\"]", condition) and body is not None:
            return _classes_in(function.path, body)
    for child in nodes("python", function.node, "else_clause"):
        rest += _classes_in(function.path, child)
    block = function.node.child_by_field_name("body")
    for child in block.named_children if block is not None and not rest else ():
        if child.type not in {"if_statement", "comment"}:
            rest += _classes_in(function.path, child)
    return rest


def _classes_in(path: str, node: Node) -> list[Site]:
    return [Site(path, each) for each in nodes("python", node, "identifier") if text_of(each)[:1].isupper()]
