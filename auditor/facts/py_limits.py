"""Whether a Python endpoint's calls are counted, and whether a webhook's sender is verified."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.handed_signature import takes_signature
from auditor.facts.py_reach import names_of
from auditor.facts.symbols import External, Missing
from auditor.facts.syntax import text_of
from auditor.model import Control, Presence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.py_names import PyNames
    from auditor.facts.reach import Call, Reacher
    from auditor.facts.symbols import Site

_PACKAGES = re.compile(
    r"^(?:slowapi|flask_limiter|fastapi_limiter|django_ratelimit|ratelimit\b|rest_framework\.throttling|axes\b|defender\b|limits\b"
    r"|quart_rate_limiter|asgi_ratelimit|pyrate_limiter|upstash_ratelimit|starlette_ratelimit|brake\b)"
)
_NAME = re.compile(r"rate_?limit|limiter\b|throttl|too_?many|brute_?force|^axes_", re.IGNORECASE)
_NOT_IT = re.compile(
    r"header|error|message|config|reset|clear|handler|exempt|ExceededHandler|get_remote_address", re.IGNORECASE
)
_COUNTS = re.compile(r"\b429\b|TOO_MANY_REQUESTS|too many|rate limit|Throttled|RateLimit", re.IGNORECASE)
_NO_LIMIT = re.compile(r"\.exempt$|^Limiter$|get_remote_address|ScopedRate")
_VERIFIES = re.compile(
    r"(?:^|[._])(?:construct_event|compare_digest|verify_?\w*(?:signature|webhook|payload|hmac|token|secret|request)\w*"
    r"|validate_?\w*(?:signature|webhook|hmac|request)\w*|check_?\w*signature\w*|is_valid_signature\w*|is_valid_request\w*)$",
    re.IGNORECASE,
)
_LIBRARY = re.compile(
    r"^(?:svix|standardwebhooks|slack_sdk\.signature|twilio\.request_validator|github_webhook|discord_interactions)"
)
_COMPARES = re.compile(
    r"\b\w*(?:signature|secret|hmac|digest|token)\w*\s*!=\s*(?!None|[\"']{2})|\b\w*(?:signature|secret|hmac|digest)\w*\s*==\s*(?!None)",
    re.IGNORECASE,
)
_HOPS = 3


def python_rate_limit(reacher: Reacher, endpoint: Endpoint) -> Control:
    """Whether the number of calls is limited before the endpoint does its work."""
    names = names_of(reacher)
    for guard in endpoint.guards:
        written = text_of(guard.node)
        head = written.split("(")[0] if guard.node.type != "function_definition" else ""
        if head and _NAME.search(head) and not _NOT_IT.search(head):
            return _of_named(names, guard, head)
        if guard.node.type != "string" and (found := _counting(reacher, names, guard)):
            return Control(Presence.PRESENT, found)
    if endpoint.handler is not None and endpoint.handler.node.type == "function_definition":
        if found := _counting(reacher, names, endpoint.handler):
            return Control(Presence.PRESENT, found)
        for call in reacher.reach(endpoint.handler, 1).calls:
            if isinstance(call.target, Missing) and _NAME.search(call.last) and not _NOT_IT.search(call.last):
                return Control(Presence.UNRESOLVED, call.last)
    return Control(Presence.PRESENT, found) if (found := _default(reacher, names)) else Control(Presence.ABSENT)


def _of_named(names: PyNames, guard: Site, head: str) -> Control:
    called = guard.node.child_by_field_name("function") if guard.node.type == "call" else guard.node
    meaning = names.resolve(guard.path, called) if guard.node.type != "string" else None
    if isinstance(meaning, Missing):
        return Control(Presence.UNRESOLVED, head)
    return Control(Presence.PRESENT, head.strip("\"'").rsplit(".", 2)[-1] if guard.node.type == "string" else head)


def _counting(reacher: Reacher, names: PyNames, site: Site) -> str:
    """What counts calls in a piece of code, or in what it calls."""
    for call in reacher.reach(site, _HOPS).calls:
        dotted = names.dotted(call.target if isinstance(call.target, External) else None)
        if _PACKAGES.match(dotted) and not _NO_LIMIT.search(dotted) and not _NOT_IT.search(dotted):
            return f"{call.last} of {dotted.split('.')[0]}"
        own = not isinstance(call.target, External | Missing) and call.target is not None
        if own and _NAME.search(call.last) and not _NOT_IT.search(call.last) and _answers_429(reacher, call):
            return call.last
    return ""


def _answers_429(reacher: Reacher, call: Call) -> bool:
    from auditor.facts.symbols import Site

    bodies = reacher.reach(call.target, 2).bodies if isinstance(call.target, Site) else []
    return any(_COUNTS.search(reacher.text(body)) for body in bodies)


def _default(reacher: Reacher, names: PyNames) -> str:
    """The limiter of the whole application; looked for once in a scan."""
    if _default not in reacher.lasting:
        reacher.lasting[_default] = _by_default(names)
    found: str = reacher.lasting[_default]
    return found


def _by_default(names: PyNames) -> str:
    """A limiter that counts every route of the application by itself."""
    for path in names.paths():
        text = names.code.text(path)
        if "Limiter(" not in text:
            continue
        for call in names.code.nodes(path, "call"):
            dotted = names.dotted(names.resolve(path, call.child_by_field_name("function")))
            limits = re.search(r"(?:default|application)_limits\s*=\s*(?!\[\s*\]|None)", text_of(call))
            if dotted.endswith("Limiter") and limits and _PACKAGES.match(dotted):
                return f"default limits of {dotted.split('.')[0]}"
    return ""


def python_signature(reacher: Reacher, endpoint: Endpoint) -> Control:
    """Whether the sender of a webhook is verified before the event is used."""
    names, doubt = names_of(reacher), ""
    for site in _sites(endpoint):
        for call in reacher.reach(site, _HOPS).calls:
            doubt = doubt or (call.last if takes_signature(call) else "")
            dotted = names.dotted(call.target if isinstance(call.target, External) else None)
            if _LIBRARY.match(dotted) and re.search(r"verif|valid", call.last):
                return Control(Presence.PRESENT, f"{call.last} of {dotted.split('.')[0]}")
            if _VERIFIES.search(call.name):
                unknown = isinstance(call.target, Missing)
                return Control(Presence.UNRESOLVED if unknown else Presence.PRESENT, call.last)
        for body in reacher.reach(site, 2).bodies:
            if _COMPARES.search(reacher.text(body)):
                return Control(Presence.PRESENT, "compares a secret of the request")
    return Control(Presence.UNRESOLVED, doubt) if doubt else Control(Presence.ABSENT)


def _sites(endpoint: Endpoint) -> Iterator[Site]:
    yield from (guard for guard in endpoint.guards if guard.node.type != "string")
    if endpoint.handler is not None:
        yield endpoint.handler
