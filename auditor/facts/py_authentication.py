"""Whether a Python endpoint asks who calls: in dependencies, decorators, permissions, or in its handler."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.entering import asks_before_python, entering
from auditor.facts.py_bindings import decorators
from auditor.facts.py_fastapi_depends import injected_guards
from auditor.facts.py_graphql_callers import asks_context, is_about_callers, of_wrapper
from auditor.facts.py_reach import names_of
from auditor.facts.py_refusals import answers_strangers_too, asks_of_object, given_back, spares, waits_for_setting
from auditor.facts.py_signs import (
    BRANCHES,
    CONSTANT,
    HOPS,
    NAMED,
    NO_NAME,
    OPEN,
    OPTIONAL,
    ORIGIN,
    READS_FREELY,
    SAFE,
    SCHEME,
    SIGNED_IN_ALREADY,
    SURE,
)
from auditor.facts.py_verifies import by_library, is_abstract, is_verifying, refused, refusing, tolerant, verified
from auditor.facts.symbols import External, Missing, Site
from auditor.facts.syntax import nodes, text_of
from auditor.model import Control, Presence

if TYPE_CHECKING:
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.py_names import Meaning, PyNames
    from auditor.facts.reach import Reacher


_FORGERY = re.compile(r"csrf|xsrf", re.IGNORECASE)


def python_authentication(reacher: Reacher, endpoint: Endpoint) -> Control:
    """Whether a caller must show who they are before the endpoint does anything."""
    names = names_of(reacher)
    if endpoint.gateway:
        return Control(Presence.PRESENT, endpoint.gateway)
    doubt = ""
    for guard in endpoint.guards:
        found = _of_guard(reacher, names, endpoint, guard)
        if found.presence is not Presence.PRESENT and endpoint.framework == "GraphQL":
            found = of_wrapper(reacher, names, guard, _short(text_of(guard.node))) or found
        if found.presence is Presence.PRESENT:
            return found
        doubt = doubt or (found.shows if found.presence is Presence.UNRESOLVED else "")
    handler = endpoint.handler
    if handler is None:
        return Control(Presence.UNRESOLVED, endpoint.lost)
    if handler.node.type == "function_definition" and (sign := _in_handler(reacher, names, endpoint, handler)):
        return Control(Presence.PRESENT, sign)
    return Control(Presence.UNRESOLVED, doubt) if doubt else Control(Presence.ABSENT)


def _of_guard(reacher: Reacher, names: PyNames, endpoint: Endpoint, guard: Site) -> Control:
    written = text_of(guard.node)
    if guard.node.type in {"string", "binary_operator"}:
        of_kind = _of_setting if guard.node.type == "string" else _of_combined
        return of_kind(reacher, names, endpoint, guard)
    called = guard.node.child_by_field_name("function") if guard.node.type == "call" else guard.node
    meaning = names.resolve(guard.path, called)
    name = _short(written)
    if guard.node.type != "function_definition" and OPTIONAL.search(written):
        return Control(Presence.ABSENT)
    if name == "method_decorator" and guard.node.type == "call":
        inner = guard.node.child_by_field_name("arguments")
        first = inner.named_children[0] if inner is not None and inner.named_children else None
        return _of_guard(reacher, names, endpoint, Site(guard.path, first)) if first else Control(Presence.ABSENT)
    if name == "user_passes_test" and guard.node.type == "call":
        return Control(Presence.PRESENT, written[:60])
    if isinstance(meaning, Site) and meaning.node.type == "function_definition" and guard.node.type == "call":
        made = given_back(names, guard, meaning)
        answers = [_of_guard(reacher, names, endpoint, each) for each in made if each.node != guard.node]
        if answers:
            return next((each for each in answers if each.presence is not Presence.PRESENT), answers[0])
    return _of_meaning(reacher, names, endpoint, meaning, name)


def _of_combined(reacher: Reacher, names: PyNames, endpoint: Endpoint, guard: Site) -> Control:
    """Permissions of REST framework put together: one of `A & B` must ask, but both of `A | B`."""
    inner = [each.named_children[0] if each.type == "parenthesized_expression" else each
             for each in guard.node.named_children if each.type != "comment"]  # fmt: skip
    parts = [_of_guard(reacher, names, endpoint, Site(guard.path, each)) for each in inner]
    asking = [each for each in parts if each.presence is Presence.PRESENT]
    if text_of(guard.node.child_by_field_name("operator")) == "&" and asking:
        return asking[0]
    return next((each for each in parts if each.presence is not Presence.PRESENT), parts[0])


def _of_setting(reacher: Reacher, names: PyNames, endpoint: Endpoint, guard: Site) -> Control:
    """A class that a settings file names by its dotted path."""
    module, _, name = text_of(guard.node).strip("\"'").rpartition(".")
    if not module:
        return Control(Presence.ABSENT)
    meaning = names.member(names.module(guard.path, module), name)
    if name == "LoginRequiredMiddleware":
        return _unless_exempt(endpoint, name)
    return _of_meaning(reacher, names, endpoint, meaning, name)


def _unless_exempt(endpoint: Endpoint, name: str) -> Control:
    exempt = any(_short(text_of(guard.node)) == "login_not_required" for guard in endpoint.guards)
    return Control(Presence.ABSENT) if exempt else Control(Presence.PRESENT, name)


def _of_meaning(reacher: Reacher, names: PyNames, endpoint: Endpoint, meaning: Meaning | None, name: str) -> Control:
    if name in OPEN or (name.endswith("ReadOnly") and endpoint.method in SAFE):
        return Control(Presence.ABSENT)
    if isinstance(meaning, External):
        return _of_package(names, meaning, name)
    if isinstance(meaning, Site):
        return _of_code(reacher, names, endpoint, meaning, name)
    if NAMED.search(name) and not NO_NAME.search(name):
        shows = f"{name} of {meaning.specifier}" if isinstance(meaning, Missing) else name
        return Control(Presence.UNRESOLVED, shows)
    return Control(Presence.ABSENT)


def _of_package(names: PyNames, meaning: External, name: str) -> Control:
    dotted = names.dotted(meaning)
    if SURE.search(dotted):
        return Control(Presence.PRESENT, f"{name} of {meaning.package}")
    if dotted.startswith("rest_framework.permissions") and name.endswith("ReadOnly"):
        return Control(Presence.PRESENT, name)
    known = re.match(r"(?:fastapi|starlette|django|flask|functools|typing|sqlalchemy)(?:\.|$)", dotted)
    if not known and NAMED.search(name) and not NO_NAME.search(name) and not name.endswith("Middleware"):
        return Control(Presence.PRESENT, f"{name} of {meaning.package}")
    return Control(Presence.ABSENT)


def _of_code(reacher: Reacher, names: PyNames, endpoint: Endpoint, meaning: Site, name: str) -> Control:
    """A function, a class or an object of this repository that runs before the handler."""
    made = names.made(meaning)
    optional = meaning.node.type == "call" and OPTIONAL.search(text_of(meaning.node))
    if optional or _FORGERY.search(name):  # that a form is the caller's own says nothing of who calls
        return Control(Presence.ABSENT)
    if isinstance(made, External):
        scheme = SCHEME.search(names.dotted(made))
        return _of_scheme(reacher, names, endpoint, name) if scheme else _of_package(names, made, name)
    if made is None and _is_made_by_function(names, meaning):
        return _of_guard(reacher, names, endpoint, meaning)
    owner = made if isinstance(made, Site) else meaning
    if owner.node.type == "class_definition":
        return _of_class(reacher, names, endpoint, owner, name)
    if owner.node.type != "function_definition" or spares(owner, endpoint):
        return Control(Presence.ABSENT)
    found = _asks(reacher, names, owner, name)
    return found if found.presence is Presence.PRESENT else _before(reacher, names, endpoint, owner) or found


def _is_made_by_function(names: PyNames, meaning: Site) -> bool:
    """`reader = authorizer("read")`, where `authorizer` is a function of this repository."""
    if meaning.node.type != "call":
        return False
    function = names.resolve(meaning.path, meaning.node.child_by_field_name("function"))
    return isinstance(function, Site) and function.node.type == "function_definition"


def _of_scheme(reacher: Reacher, names: PyNames, endpoint: Endpoint, name: str) -> Control:
    """A scheme only takes the token out of the request: somebody must verify it, here or where it is handed to."""
    handler = endpoint.handler
    if handler is None:
        return Control(Presence.UNRESOLVED, name)
    verified = any(is_verifying(names, call.target, call.name) for call in reacher.reach(handler, HOPS).calls)
    handed = re.search(r"\w\([^()]*\b(?:\w*token\w*|cred\w*|api_?key\w*|\w*auth\w*)\b[^()]*\)", _body(handler))
    compared = re.search(r"(?:token|key|cred\w*(?:\.\w+)?|password)\s*[!=]=|compare_digest", _body(handler))
    if verified or handed or compared:
        return Control(Presence.PRESENT, f"{name}, verified by the handler")
    return Control(Presence.ABSENT, f"{name} takes a token that nothing verifies")


def _body(function: Site) -> str:
    return text_of(function.node.child_by_field_name("body"))


def _lets_in(reacher: Reacher, endpoint: Endpoint, permission: Site) -> bool:
    """Whether a permission says yes to everybody, or asks nothing of who calls."""
    if CONSTANT.search(text_of(permission.node)) is not None:
        return True
    free = READS_FREELY.search(text_of(permission.node)) if endpoint.method in SAFE else None
    if free is not None and not re.search(r"\.user\b|\.auth\b|return\s+False", free.string[: free.start()]):
        return True
    return endpoint.framework == "GraphQL" and not is_about_callers(reacher, permission)


def _of_class(reacher: Reacher, names: PyNames, endpoint: Endpoint, owner: Site, name: str) -> Control:
    """A permission, a mixin, a dependency that is an object, a middleware."""
    for base in names.bases(owner):
        dotted = names.dotted(base)
        if SURE.search(dotted):
            return Control(Presence.PRESENT, f"{name} ({dotted.rsplit('.', 1)[-1]})")
        if SCHEME.search(dotted) and any(refusing(reacher, each) for each in _methods(names, owner)):
            return Control(Presence.PRESENT, f"{name} (answers 401)")
    permission, of_object = names.member(owner, "has_permission"), asks_of_object(names, endpoint, owner)
    own = isinstance(permission, Site) and permission.node.type == "function_definition"
    if own or of_object:
        opens = isinstance(permission, Site) and _lets_in(reacher, endpoint, permission) and not of_object
        return Control(Presence.ABSENT) if opens else Control(Presence.PRESENT, f"{name} (decides who may)")
    for method in _methods(names, owner):
        if waits_for_setting(method) or spares(method, endpoint):
            continue
        if (found := _asks(reacher, names, method, name)).presence is Presence.PRESENT:
            return found
    return Control(Presence.ABSENT)


def _methods(names: PyNames, owner: Site) -> list[Site]:
    found = (names.member(owner, each) for each in ("__call__", "dispatch", "__init__", "initial", "process_request"))
    return [each for each in found if isinstance(each, Site) and each.node.type == "function_definition"]


def _before(reacher: Reacher, names: PyNames, endpoint: Endpoint, function: Site) -> Control | None:
    """What a dependency, or the function that it makes, asks to be run before itself."""
    key = (_before, function.path, function.node.start_byte, endpoint.method)
    if key in reacher.memory:
        known: Control | None = reacher.memory[key]
        return known
    reacher.memory[key] = None  # a function that asks for itself finds nothing more
    for inner in nodes("python", function.node, "function_definition"):
        for guard in injected_guards(names, Site(function.path, inner)):
            found = _of_guard(reacher, names, endpoint, guard)
            if found.presence is Presence.PRESENT:
                reacher.memory[key] = found
                return found
    return None


def _asks(reacher: Reacher, names: PyNames, function: Site, name: str) -> Control:
    """Whether a function that runs before the handler refuses callers, or verifies what they show."""
    if ORIGIN.search(name):
        return Control(Presence.ABSENT)
    reach = reacher.reach(function, HOPS)
    for body in reach.bodies:
        if body.node.type == "function_definition" and (refusing(reacher, body)):
            return Control(Presence.PRESENT, f"{name} (refuses unknown callers)")
        dotted = names.dotted(names.resolve(body.path, body.node.child_by_field_name("function")))
        strict = body.node.type == "call" and SCHEME.search(dotted) and not OPTIONAL.search(text_of(body.node))
        if strict and verified(names, reach.calls) and not tolerant(function):
            return Control(Presence.PRESENT, f"{name} (verifies a token)")
    for call in reach.calls:
        if is_verifying(names, call.target, call.name) and not OPTIONAL.search(text_of(call.node)):
            return (
                Control(Presence.PRESENT, f"{name} ({call.last})")
                if not tolerant(function)
                else Control(Presence.ABSENT)
            )
        sure = isinstance(call.target, External) and SURE.search(names.dotted(call.target))
        if sure and isinstance(call.target, External) and not OPTIONAL.search(text_of(call.node)):
            return Control(Presence.PRESENT, f"{name} ({call.last} of {call.target.package})")
    unknown = next((c for c in reach.calls if isinstance(c.target, Missing) and NAMED.search(c.last)), None)
    unknown = unknown or next((c for c in reach.calls if NAMED.search(name) and is_abstract(names, c.target)), None)
    return Control(Presence.UNRESOLVED, unknown.last) if unknown is not None else Control(Presence.ABSENT)


def _in_handler(reacher: Reacher, names: PyNames, endpoint: Endpoint, handler: Site) -> str:
    """What the handler itself does about strangers, or the functions that it calls."""
    if endpoint.framework == "GraphQL":
        return asks_context(reacher, handler) or refused(reacher, handler) or by_library(reacher, names, handler)
    if (coming := entering(endpoint)) is not None:
        return asks_before_python(handler, coming)
    branches = BRANCHES.search(SIGNED_IN_ALREADY.sub(" ", reacher.text(handler)))
    if branches and not answers_strangers_too(handler):
        return "asks whether the caller is signed in"
    return refused(reacher, handler) or by_library(reacher, names, handler) or _handed_on(reacher, names, handler)


def _handed_on(reacher: Reacher, names: PyNames, handler: Site) -> str:
    """A handler that only chooses, by the method, between functions which ask themselves."""
    shows = ""
    for back in nodes("python", handler.node, "return_statement"):
        value = back.named_children[0] if back.named_children else None
        called = value.child_by_field_name("function") if value is not None and value.type == "call" else None
        meaning = names.resolve(handler.path, called)
        if isinstance(meaning, External):
            continue
        if not isinstance(meaning, Site) or meaning.node.type != "function_definition":
            return ""
        asked = [_asked_before(reacher, names, Site(meaning.path, each)) for each in decorators(meaning.node)]
        if not any(asked):
            return ""
        shows = next(filter(None, asked))
    return shows


def _asked_before(reacher: Reacher, names: PyNames, decorator: Site) -> str:
    meaning = names.resolve(decorator.path, decorator.node)
    name = _short(text_of(decorator.node))
    if isinstance(meaning, External):
        return _of_package(names, meaning, name).shows
    if not isinstance(meaning, Site) or meaning.node.type != "function_definition":
        return ""
    return _asks(reacher, names, meaning, name).shows


def _short(written: str) -> str:
    if written.startswith(("def ", "async def ")):
        return written.partition("def ")[2].partition("(")[0]
    return written.split("(", maxsplit=1)[0].rsplit(".", 1)[-1].strip("\"'")
