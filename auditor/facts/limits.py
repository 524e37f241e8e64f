"""Whether calls are counted: a rate limiter before an endpoint, in its wrappers, or in its handler."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.py_routes import is_python
from auditor.facts.symbols import External, Missing, Site
from auditor.model import Control, Presence

if TYPE_CHECKING:
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.reach import Call, Reacher

_PACKAGES = re.compile(
    r"@upstash/ratelimit|express-rate-limit|rate-limiter-flexible|hono-rate-limiter|@hono-rate-limiter/|@fastify/rate-limit"
    r"|express-slow-down|@arcjet/|@unkey/ratelimit|@nestjs/throttler|limiter$|express-brute|koa-ratelimit|@vercel/firewall"
    r"|p-throttle|next-rate-limit|@elithrar/workers-hono-rate-limit|elysia-rate-?limit"
)
_NAME = re.compile(
    r"rate_?limit|ratelimit|limiter|throttl|slow_?down|brute|too_?many|check_?limit|(?:already|is|over|limit)_?(?:rate_?)?(?:limited|reached|exceeded)$|enforce_?limit|^(?:\w+\.)*aj\.protect$|arcjet",
    re.IGNORECASE,
)
_COUNTS = re.compile(r"\b429\b|too[ _]?many[ _]?requests|rate[ _]?limit", re.IGNORECASE)
_NOT_IT = re.compile(r"parse|header|error|message|config|info|log|is_?enabled|reset|clear", re.IGNORECASE)


def rate_limit(reacher: Reacher, endpoint: Endpoint) -> Control:
    """Whether the number of calls is limited before the endpoint does its work."""
    if is_python(endpoint):
        from auditor.facts.py_limits import python_rate_limit

        return python_rate_limit(reacher, endpoint)
    if endpoint.limited:
        return Control(Presence.PRESENT, endpoint.limited)
    doubt = ""
    sites = (*endpoint.guards, *endpoint.middleware, *([endpoint.handler] if endpoint.handler else []))
    for site in sites:
        found = reacher.once(site, _of_site)
        if found.presence is Presence.PRESENT:
            return found
        doubt = doubt or found.shows
        if site.node.type in {"identifier", "member_expression"} and _NAME.search(_text(site)):
            target = reacher.symbols.resolve(site.path, site.node)
            if isinstance(target, Site | External):
                return Control(Presence.PRESENT, _text(site))
            doubt = doubt or _text(site)
    return Control(Presence.UNRESOLVED, doubt) if doubt else Control(Presence.ABSENT)


def limited_itself(reacher: Reacher, endpoint: Endpoint) -> bool:
    """Whether the endpoint counts its own callers, and not only as one of all that an application answers."""
    own = tuple(guard for guard in endpoint.guards if guard.path == endpoint.where.path)
    guards = own if endpoint.framework in {"tRPC", "oRPC"} else ()
    return rate_limit(reacher, replace(endpoint, guards=guards, middleware=())).presence is Presence.PRESENT


def _of_site(reacher: Reacher, site: Site) -> Control:
    doubt = ""
    for call in reacher.reach(site, 3).calls:
        if isinstance(call.target, External) and _PACKAGES.match(call.target.package):
            return Control(Presence.PRESENT, f"{call.last} of {call.target.package}")
        if not _NAME.search(_links(call.name)) or _NOT_IT.search(call.last):
            continue
        if isinstance(call.target, Missing):
            doubt = doubt or f"{call.last} of {call.target.specifier}"
        elif _counts(reacher, call):
            return Control(Presence.PRESENT, call.name.rsplit("\n", 1)[-1][-60:])
    return Control(Presence.UNRESOLVED, doubt) if doubt else Control(Presence.ABSENT)


def _counts(reacher: Reacher, call: Call) -> bool:
    """A local function of that name must answer 429 or ask what counts; others are taken at their word."""
    if not isinstance(call.target, Site):
        return True
    inner = reacher.reach(call.target, 2)
    if any(isinstance(c.target, External) and _PACKAGES.match(c.target.package) for c in inner.calls):
        return True
    return any(reacher.says(body, _answers_429) for body in inner.bodies)


def _links(name: str) -> str:
    """The names of a chain of calls without what each is given: a column of the name `rate_limited` limits nothing."""
    kept, depth = [], 0
    for letter in reversed(name):
        depth += (letter == ")") - (letter == "(" and depth > 0)
        if not depth and letter != "(":
            kept.append(letter)
    return "".join(reversed(kept))


def _answers_429(text: str) -> bool:
    return bool(_COUNTS.search(text))


def _text(site: Site) -> str:
    return (site.node.text or b"").decode("utf-8", "replace")
