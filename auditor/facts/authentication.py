"""Whether somebody asks who calls: in the middleware before an endpoint, in its wrappers, or in its handler."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.asked import LOCAL, asked, before_errors, followed, in_itself, is_code
from auditor.facts.asked_by_option import spared_by_options
from auditor.facts.bindings import arguments_of
from auditor.facts.entering import asks_before, entering
from auditor.facts.handed_request import demanded
from auditor.facts.kept_on_context import asks_by_throwing
from auditor.facts.letting_pass import excepted, lets_nobody_pass
from auditor.facts.path_secrets import path_secret
from auditor.facts.py_routes import is_python
from auditor.facts.refusals import (
    answers_without_credential,
    denies,
    hands_credential_on,
    refuses,
    refuses_callers,
    refuses_without_session,
    turns_away,
    wants_credential,
    wants_session,
)
from auditor.facts.route_matchers import matched
from auditor.facts.said_public import said_public
from auditor.facts.symbols import External, Missing, Site
from auditor.facts.syntax import text_of
from auditor.model import Control, Presence

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.reach import Call, Reacher
    from auditor.facts.symbols import Target

_DECODED = re.compile(r"(?:^|\.)(?:decodeJwt|jwtDecode|jwt_decode)$|^(?:jwt|jsonwebtoken|JWT)\.decode$")
_NAME = re.compile(
    r"^(?:with_?)?auth(?:enticat|oriz)ed_?\w*(?:client|route|handler|action|api|endpoint)$|^(?!.*(?:author(?!i)|rate|limit|throttl|un_?auth|sign_?(?:in|up|out)|log_?(?:in|out)(?!ged)|callback|refresh|create|delete|update|revoke"
    r"|hash|generate|store|save|clear|set[A-Z_]|url|redirect|provider|schema|oauth|error|exception|invalidate|record|claim"
    r"|config|options?$|client$|optional|init|plugin|adapter|encrypt|flow|mock|log_|(?:dis|en)abled?$|present$|exists?$|available$))"
    r"(?!(?:sign|issue|mint|remove|launch|start|stop|begin|end|exit|open|close|resume|terminate|release|rotate|test)_?(?=[A-Z_a-z]*(?:session|token|api_?key|credential|auth))(?!ed|ature))"
    r"(?!handle\w*_?session)(?!(?:make|build|list|count|search)_?\w*(?:session|jwt|token)s?)"
    r"(?!\w*session_?(?:messages|events|history|log))(?!(?:where|find|get|list|fetch|load|select)\w*_?with_?)"
    r"(?!(?:on|get|fetch|load|list|find|send|to|parse|test)_?\w*(?:permission|auth\w*options|cookie|credential|authorize|secret))"
    r".*(?:auth(?:$|[^o]|oriz)|session|logged|api_?key|jwt|bearer|protect|permission|current_?user|credential|guard"
    r"|require_?(?:user|admin|role|member|scope)|is_?admin|admin_?only|access_?(?:token|control|check)"
    r"|(?:verify|check|validate)_?(?:token|signature|secret|request|webhook|cron|user(?!_?name)|role)"
    r"|(?:has|is|is_?valid|check|verify|validate)_?\w*(?:cron|internal|webhook|shared)\w*(?:secret|key|token|request)|is_?authorized"
    r"|ensure_?(?:user|admin|owner|member)|with_?(?:user|workspace|team|org|account|admin|tenant|member))",
    re.IGNORECASE,
)
# Packages that keep a session or read a cookie, and ask nobody; settings with which a library lets everybody pass.
_KEEPERS = re.compile(
    r"express-session|cookie-session|cookie-parser|koa-session|@fastify/(?:session|cookie|secure-session)|hono-sessions"
    r"|connect-|lusca|csurf|csrf|cors|arctic$|oslo|helmet|@simplewebauthn/server|nookies|js-cookie"
)
_LETS_PASS = re.compile(
    r"credentialsRequired\s*:\s*false|\bpassthrough\s*:\s*true|[\"']anonymous[\"']|\boptional\s*:\s*true|mode\s*:\s*[\"'](?:try|optional)[\"']"
    r"|^[\w.]*(?:optional|initialize|initAuthConfig|passport\.session|clerkMiddleware)\w*\s*\(",
    re.IGNORECASE,
)
_LOOSE = re.compile(
    r"(?:^|[.(])\w*(?:[oO]ptional|[lL]oose|[lL]enient|[mM]aybe)(?![a-z])\w*"
)  # by name, whoever wraps it
# A policy that is asked what may be done: `videosPolicy.canView(id)`, `permissions.check(…)`.
_POLICY = re.compile(
    r"(?:^|\.)\w*(?:[pP]olic(?:y|ies)|[pP]ermissions?|[aA]bilit(?:y|ies)|acl)\.(?:can|is|may|check|assert|allow|ensure)\w*$"
)
_FORGERY = re.compile(r"c?srf|xsrf|same_?origin", re.IGNORECASE)  # asks which page sends, never who
_CONDITIONS = re.compile(r"pathname|createRouteMatcher|nextUrl|\.url\b|startsWith\(|matcher|authorized\s*[:(]")
_PATHS = {"template_string", "binary_expression"}  # an address that is a guard itself
_CLOSED = re.compile(r"\b503\b|SERVICE_UNAVAILABLE|ServiceUnavailable")
_SAYS_WHO = re.compile(r"\b40[13]\b|unauthori[sz]ed|forbidden", re.IGNORECASE)
_CHECK = re.compile(r"(?:check|assert|ensure|require|must|enforce|verify|guard)(?=[A-Z_])")
_MAX_HOPS = 4
_GUARD_HOPS = 6  # a guard is there to ask, so that what it finds far away still means the caller


@dataclass(slots=True)
class _Seen:
    """What was found on the way through an endpoint's code, the surest first."""

    sure: str = ""
    decoded: str = ""
    named: str = ""
    doubt: str = ""

    def add(self, later: _Seen) -> None:
        """Take over what was found further on."""
        self.sure, self.decoded = self.sure or later.sure, self.decoded or later.decoded
        self.named, self.doubt = self.named or later.named, self.doubt or later.doubt


def authentication(reacher: Reacher, endpoint: Endpoint) -> Control:
    """Whether a caller must show who they are before the endpoint does anything."""
    if endpoint.gateway:
        return Control(Presence.PRESENT, endpoint.gateway)
    if is_python(endpoint):
        from auditor.facts.py_authentication import python_authentication

        return python_authentication(reacher, endpoint)
    seen = _Seen()
    for guard in () if said_public(endpoint.guards) else endpoint.guards:
        ends, beginnings = reacher.once(guard, excepted)
        if not endpoint.path.endswith(ends) and not endpoint.path.startswith(beginnings):
            seen.add(reacher.once(guard, _guarded))
    if endpoint.handler is not None:
        _look_behind(reacher, endpoint, endpoint.handler, seen)
    seen.doubt = seen.doubt or (_picked(reacher, endpoint.handler) if endpoint.handler else endpoint.lost)
    for site in endpoint.middleware:
        _look_at_middleware(reacher, site, endpoint.path, seen)
    if seen.sure or (seen.named and not seen.decoded):
        return Control(Presence.PRESENT, seen.sure or seen.named)
    if seen.doubt and not seen.decoded:
        return Control(Presence.UNRESOLVED, seen.doubt)
    return Control(Presence.ABSENT, seen.decoded)


def _look_behind(reacher: Reacher, endpoint: Endpoint, handler: Site, seen: _Seen) -> None:
    """What the handler asks, and around it what its declaration does."""
    if (coming := entering(endpoint)) is not None:
        seen.sure = seen.sure or asks_before(reacher, handler, coming)
        return
    _look_at_handler(reacher, handler, seen)
    seen.sure = seen.sure or demanded(reacher, endpoint, _GUARD_HOPS)
    if endpoint.framework == "Next.js" and (around := _declaration(reacher, endpoint)):
        _look_at_handler(reacher, around, seen)
        found = asked(reacher, around, _GUARD_HOPS)
        seen.sure = seen.sure or (found.sign if found is not None and found.strict else "")


def _guarded(reacher: Reacher, guard: Site) -> _Seen:
    """What a guard tells; most stand in front of many endpoints."""
    seen = _Seen()
    if known := path_secret(reacher.symbols, guard) if guard.node.type in _PATHS else "":
        return _Seen(f"a secret in its path ({known})")
    name, reach = _short(guard), reacher.reach(guard)
    if _asks_nobody(reacher, guard, name):
        return seen
    if found := asked(reacher, guard, _GUARD_HOPS):
        library = not any(body.node.type in LOCAL for body in reach.bodies)
        says_no = any(reacher.says(body, answers_without_credential) for body in reacher.reach(guard, 1).bodies)
        if library or found.strict or says_no:  # else it looks who calls, and lets everybody pass
            return _Seen(f"{name} ({found.sign})")
    if found is None and any(_DECODED.search(call.name) for call in reach.calls):
        seen.decoded = f"{name} decodes the token and never verifies it"
    elif how := _turns_away(reacher, guard):
        seen.sure = f"{name} ({how})"
    elif found is None:
        _by_name(reacher, reacher.symbols.resolve(guard.path, _root(guard)), name, reach.bodies, seen)
    return seen


def _asks_nobody(reacher: Reacher, guard: Site, name: str) -> bool:
    """Whether a guard by its options, its name or its code lets everybody pass, or nobody at all."""
    if _LETS_PASS.search(text_of(guard.node)) or _LOOSE.search(name) or _FORGERY.search(text_of(_root(guard))[-40:]):
        return True
    near = reacher.reach(guard, 1).bodies
    if any(lets_nobody_pass(each) for body in near for each in _written(body.node)):
        return True
    return any(reacher.says(body, _closes_for_all) for body in near) or spared_by_options(reacher.symbols, guard)


def _closes_for_all(text: str) -> bool:
    """Whether code turns everybody away while a server is closed, but for those who may work on it."""
    return bool(_CLOSED.search(text)) and not _SAYS_WHO.search(text)


def _written(node: Node) -> list[Node]:
    """The functions that a guard is: itself, or what a library is given to make it of."""
    return [each for each in (node, *arguments_of(node)) if each.type in LOCAL]


def _turns_away(reacher: Reacher, guard: Site) -> str:
    """What a guard does to callers whom it does not know, where nothing was found that asks who they are."""
    near, local = reacher.reach(guard, 1).bodies, guard.node.type in LOCAL
    if any(reacher.says(body, wants_credential) for body in _functions(reacher, guard)):
        return "refuses requests without a credential"
    if any(_denies(reacher, body) for body in (near if local else reacher.reach(guard, 2).bodies)):
        return "answers 401"
    if any(reacher.says(body, refuses_without_session) for body in near) or (local and reacher.says(guard, turns_away)):
        return "refuses requests without a session"
    return ""


def _look_at_handler(reacher: Reacher, handler: Site, seen: _Seen) -> None:
    found = asked(reacher, handler, _MAX_HOPS)
    bodies = _functions(reacher, handler)
    if found is not None and (found.loose or in_itself(reacher, handler)):
        seen.sure = seen.sure or found.sign
    elif not seen.decoded and any(reacher.says(body, wants_session) for body in reacher.reach(handler, 1).bodies):
        seen.sure = seen.sure or "refuses requests without a session"
    elif any(reacher.says(body, wants_credential) for body in bodies):
        seen.sure = seen.sure or "refuses requests without a credential"
    elif checked := next((body for body in bodies if _checks(reacher, body)), None):
        seen.sure = seen.sure or f"{_short(checked)} refuses requests without a session"
    elif reacher.says(handler, hands_credential_on):
        seen.sure = seen.sure or "hands the caller's token to a library that decides"
    for call in () if seen.sure else _calls(reacher, handler):
        if _POLICY.search(call.name) or asks_by_throwing(call.name, call.node):
            seen.named = seen.named or f"asks {call.name}"[:60]
        elif call.node.type != "new_expression":
            _by_name(reacher, call.target, call.last, _bodies(reacher, call), seen)


def _checks(reacher: Reacher, body: Site) -> bool:
    """Whether a function that is called far away is there to turn away: `checkUserCanEdit(req)` throws for nobody."""
    named = body.node.type in LOCAL and _CHECK.match(_short(body)) is not None
    return named and reacher.says(body, refuses_without_session)


def _calls(reacher: Reacher, handler: Site) -> list[Call]:
    """What a handler calls, and what that calls, but where it is told to ask nobody."""
    return [call for site in (handler, *followed(reacher, handler)) for call in reacher.own(site)]


def _picked(reacher: Reacher, handler: Site) -> str:
    """What a handler calls that it picks by the request: `handlers[request.method](request)`."""
    calls = (call.node.child_by_field_name("function") for call in reacher.own(handler))
    found = next((text_of(node) for node in calls if node is not None and node.type == "subscript_expression"), "")
    return f"what {found} stands for" if re.search(r"method", found) else ""


def _declaration(reacher: Reacher, endpoint: Endpoint) -> Site | None:
    """The export whose wrapper of another file answers: what is handed to the wrapper asks in its stead."""
    path, line = endpoint.where.path, endpoint.where.line
    if endpoint.handler is None or endpoint.handler.path == path:
        return None
    found = reacher.symbols.code.nodes(path, "export_statement")
    here = [n for n in found if n.start_point[0] < line <= n.end_point[0] + 1]
    default = [n for n in found if text_of(n).startswith("export default")]
    return next((Site(path, node) for node in (default if endpoint.method == "ALL" else here)), None)


def _look_at_middleware(reacher: Reacher, site: Site, path: str, seen: _Seen) -> None:
    found = asked(reacher, site, _MAX_HOPS)
    if found is None or not (found.strict or _refuses(reacher, reacher.reach(site).bodies)):
        return
    listed = matched(reacher.symbols.code.text(site.path) or "", path)
    for body in reacher.reach(site).bodies[:6] if listed is None else ():
        listed = matched(reacher.text(body), path) if listed is None and body.path != site.path else listed
    if listed is None and any(reacher.says(body, _by_path) for body in reacher.reach(site).bodies[:6]):
        seen.doubt = seen.doubt or f"which paths the middleware in {site.path} protects"
    elif listed is not False:
        seen.sure = seen.sure or f"the middleware ({found.sign})"


def _by_path(text: str) -> bool:
    return bool(_CONDITIONS.search(text))


def _functions(reacher: Reacher, site: Site) -> list[Site]:
    return [body for body in reacher.reach(site, 2).bodies if body.node.type != "class_declaration"]


def _denies(reacher: Reacher, site: Site) -> bool:
    """Whether a guard answers 401 outside of what it does about errors of the handler behind it."""
    if not is_code(site):
        return False
    return denies(before_errors(reacher, site))


def _by_name(reacher: Reacher, target: Target | None, name: str, bodies: list[Site], seen: _Seen) -> None:
    """A name that sounds like authentication: taken for it where its code refuses callers, else not known.

    Code that says no and never speaks of a caller checks something else: what was sent, or what is answered.
    """
    if not _NAME.search(name.rsplit(".", 1)[-1].split("(", maxsplit=1)[0]):
        return
    if isinstance(target, Site):
        refused = any(reacher.says(body, refuses_callers) for body in bodies)
        decodes = any(_DECODED.search(call.name) for body in bodies for call in reacher.own(body))
        seen.named = seen.named or (name if refused and not decodes else "")
    elif isinstance(target, External):
        seen.named = seen.named or ("" if _KEEPERS.match(target.package) else f"{name} of {target.package}")
    else:
        seen.doubt = seen.doubt or (f"{name} of {target.specifier}" if isinstance(target, Missing) else name)


def _bodies(reacher: Reacher, call: Call) -> list[Site]:
    return reacher.reach(call.target, 2).bodies if isinstance(call.target, Site) else []


def _refuses(reacher: Reacher, bodies: list[Site]) -> bool:
    return any(reacher.says(body, refuses) for body in bodies)


def _short(site: Site) -> str:
    """What a guard is called: nobody wants to read the first line of a function that has no name."""
    if site.node.type in LOCAL:
        holder = site.node.parent
        named = site.node.child_by_field_name("name") or (holder and holder.child_by_field_name("name"))
        return text_of(named) if named else "a middleware"
    return " ".join(text_of(site.node).split())[:40]


def _root(site: Site) -> Node:
    node = site.node
    return node.child_by_field_name("function") or node if node.type == "call_expression" else node
