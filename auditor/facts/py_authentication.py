"""Whether a Python endpoint asks who calls: in dependencies, decorators, permissions, or in its handler."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.py_fastapi import injected_guards
from auditor.facts.py_reach import names_of
from auditor.facts.py_signs import (
    BRANCHES,
    CONSTANT,
    CREDENTIAL,
    DISPATCHERS,
    HOPS,
    KNOWN,
    NAMED,
    NO_NAME,
    OPEN,
    OPTIONAL,
    PASSWORD,
    REFUSES,
    SAFE,
    SCHEME,
    SHOWN,
    SURE,
    UNAUTHORISED,
    VERIFIES,
)
from auditor.facts.symbols import External, Missing, Site
from auditor.facts.syntax import nodes, text_of
from auditor.model import Control, Presence

if TYPE_CHECKING:
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.py_names import Meaning, PyNames
    from auditor.facts.reach import Reacher


def python_authentication(reacher: Reacher, endpoint: Endpoint) -> Control:
    """Whether a caller must show who they are before the endpoint does anything."""
    names = names_of(reacher)
    if endpoint.gateway:
        return Control(Presence.PRESENT, endpoint.gateway)
    doubt = ""
    for guard in endpoint.guards:
        found = _of_guard(reacher, names, endpoint, guard)
        if found.presence is Presence.PRESENT:
            return found
        doubt = doubt or (found.shows if found.presence is Presence.UNRESOLVED else "")
    handler = endpoint.handler
    if handler is None:
        return Control(Presence.UNRESOLVED, endpoint.lost)
    if handler.node.type == "function_definition" and (sign := _in_handler(reacher, names, handler)):
        return Control(Presence.PRESENT, sign)
    return Control(Presence.UNRESOLVED, doubt) if doubt else Control(Presence.ABSENT)


def _of_guard(reacher: Reacher, names: PyNames, endpoint: Endpoint, guard: Site) -> Control:
    written = text_of(guard.node)
    if guard.node.type == "string":
        return _of_setting(reacher, names, endpoint, guard)
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
    return _of_meaning(reacher, names, endpoint, meaning, name)


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
    if meaning.node.type == "call" and OPTIONAL.search(text_of(meaning.node)):
        return Control(Presence.ABSENT)
    if isinstance(made, External):
        if SCHEME.search(names.dotted(made)) and not OPTIONAL.search(text_of(meaning.node)):
            return _of_scheme(reacher, names, endpoint, name)
        return _of_package(names, made, name)
    owner = made if isinstance(made, Site) else meaning
    if owner.node.type == "class_definition":
        return _of_class(reacher, names, endpoint, owner, name)
    if owner.node.type != "function_definition" or _spares(owner, endpoint):
        return Control(Presence.ABSENT)
    found = _asks(reacher, names, owner, name)
    return found if found.presence is Presence.PRESENT else _before(reacher, names, endpoint, owner) or found


def _spares(function: Site, endpoint: Endpoint) -> bool:
    """Whether a function that runs before all requests lets this endpoint pass by its name or path."""
    text = text_of(function.node)
    if not re.search(r"request\.(?:path|endpoint|url)|\.path\b", text) or endpoint.handler is None:
        return False
    name = text_of(endpoint.handler.node.child_by_field_name("name"))
    return f'"{endpoint.path}"' in text or f"'{endpoint.path}'" in text or bool(re.search(rf"['\".]{name}['\"]", text))


def _of_scheme(reacher: Reacher, names: PyNames, endpoint: Endpoint, name: str) -> Control:
    """A scheme only takes the token out of the request: somebody must verify it, here or where it is handed to."""
    handler = endpoint.handler
    if handler is None:
        return Control(Presence.UNRESOLVED, name)
    verified = any(_is_verifying(names, call.target, call.name) for call in reacher.reach(handler, HOPS).calls)
    handed = re.search(r"\w\([^()]*\b(?:\w*token\w*|cred\w*|api_?key\w*|\w*auth\w*)\b[^()]*\)", _body(handler))
    compared = re.search(r"(?:token|key|cred\w*(?:\.\w+)?|password)\s*[!=]=|compare_digest", _body(handler))
    if verified or handed or compared:
        return Control(Presence.PRESENT, f"{name}, verified by the handler")
    return Control(Presence.ABSENT, f"{name} takes a token that nothing verifies")


def _body(function: Site) -> str:
    return text_of(function.node.child_by_field_name("body"))


def _of_class(reacher: Reacher, names: PyNames, endpoint: Endpoint, owner: Site, name: str) -> Control:
    """A permission, a mixin, a dependency that is an object, a middleware."""
    for base in names.bases(owner):
        dotted = names.dotted(base)
        if SURE.search(dotted):
            return Control(Presence.PRESENT, f"{name} ({dotted.rsplit('.', 1)[-1]})")
        if SCHEME.search(dotted) and any(_refusing(reacher, each) for each in _methods(names, owner)):
            return Control(Presence.PRESENT, f"{name} (answers 401)")
    permission = names.member(owner, "has_permission")
    if isinstance(permission, Site) and permission.node.type == "function_definition":
        opens = CONSTANT.search(text_of(permission.node)) is not None
        return Control(Presence.ABSENT) if opens else Control(Presence.PRESENT, f"{name} (decides who may)")
    for method in _methods(names, owner):
        if (
            not _spares(method, endpoint)
            and (found := _asks(reacher, names, method, name)).presence is Presence.PRESENT
        ):
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
    reach = reacher.reach(function, HOPS)
    for body in reach.bodies:
        if body.node.type == "function_definition" and (_refusing(reacher, body)):
            return Control(Presence.PRESENT, f"{name} (refuses unknown callers)")
        dotted = names.dotted(names.resolve(body.path, body.node.child_by_field_name("function")))
        strict = body.node.type == "call" and SCHEME.search(dotted) and not OPTIONAL.search(text_of(body.node))
        if strict and _verified(names, reach.calls) and not _tolerant(function):
            return Control(Presence.PRESENT, f"{name} (verifies a token)")
    for call in reach.calls:
        if _is_verifying(names, call.target, call.name) and not OPTIONAL.search(text_of(call.node)):
            return (
                Control(Presence.PRESENT, f"{name} ({call.last})")
                if not _tolerant(function)
                else Control(Presence.ABSENT)
            )
        sure = isinstance(call.target, External) and SURE.search(names.dotted(call.target))
        if sure and isinstance(call.target, External) and not OPTIONAL.search(text_of(call.node)):
            return Control(Presence.PRESENT, f"{name} ({call.last} of {call.target.package})")
    unknown = next((c for c in reach.calls if isinstance(c.target, Missing) and NAMED.search(c.last)), None)
    if unknown is not None:
        return Control(Presence.UNRESOLVED, unknown.last)
    return Control(Presence.ABSENT)


def _verified(names: PyNames, calls: object) -> bool:
    return any(_is_verifying(names, call.target, call.name) for call in calls)  # type: ignore[attr-defined]


def _is_verifying(names: PyNames, target: object, name: str) -> bool:
    dotted = names.dotted(target) if isinstance(target, External) else ""
    return bool(VERIFIES.search(dotted) or VERIFIES.search(name))


def _tolerant(function: Site) -> bool:
    """Whether a function gives nothing back where the credential is no good, and refuses nobody."""
    return bool(
        re.search(r"except[^:]*:\s*(?:pass|return(?:\s+None)?\s*\n|\w+\s*=\s*None)|return None", text_of(function.node))
    )


def _refusing(reacher: Reacher, body: Site) -> bool:
    text = reacher.text(body)
    if not REFUSES.search(text) or (PASSWORD.search(text) and not KNOWN.search(text)):
        return False
    return bool(CREDENTIAL.search(text))


def _in_handler(reacher: Reacher, names: PyNames, handler: Site) -> str:
    """What the handler itself does about strangers, or the functions that it calls."""
    if BRANCHES.search(reacher.text(handler)):
        return "asks whether the caller is signed in"
    return _refused(reacher, handler) or _by_library(reacher, names, handler)


def _refused(reacher: Reacher, handler: Site) -> str:
    for body in reacher.reach(handler, 2).bodies:
        text = reacher.text(body)
        if body.node.type != "function_definition" or (PASSWORD.search(text) and not KNOWN.search(text)):
            continue
        if REFUSES.search(text) and (SHOWN.search(text) or (UNAUTHORISED.search(text) and CREDENTIAL.search(text))):
            return "refuses requests without a credential"
    return ""


def _by_library(reacher: Reacher, names: PyNames, handler: Site) -> str:
    for body in reacher.reach(handler, 2).bodies:
        for call in reacher.own(body):
            if isinstance(call.target, External) and DISPATCHERS.search(call.target.package):
                return f"{call.last} of {call.target.package} verifies the sender"
            if OPTIONAL.search(text_of(call.node)):
                continue
            if isinstance(call.target, External) and SURE.search(names.dotted(call.target)):
                return f"{call.last} of {call.target.package}"
            if _is_verifying(names, call.target, call.name) and not _tolerant(body):
                return call.last
    return ""


def _short(written: str) -> str:
    if written.startswith(("def ", "async def ")):
        return written.partition("def ")[2].partition("(")[0]
    return written.split("(", maxsplit=1)[0].rsplit(".", 1)[-1].strip("\"'")
