"""Whether somebody asks who calls: in the middleware before an endpoint, in its wrappers, or in its handler."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.edge_authentication import sign_of
from auditor.facts.symbols import External, Missing, Site
from auditor.facts.syntax import text_of
from auditor.model import Control, Presence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tree_sitter import Node

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.reach import Call, Reacher
    from auditor.facts.symbols import Target

_PACKAGES = {
    r"hono$|@hono/hono$": r"jwt|bearerAuth|basicAuth|jwk|verifyWithJwks|verify",
    r"jose$": r"jwtVerify|jwtDecrypt|compactVerify",
    r"jsonwebtoken$|fast-jwt$|njwt$|@tsndr/cloudflare-worker-jwt$": r"verify|createVerifier",
    r"express-jwt$|express-basic-auth$|basic-auth$": r"expressjwt|default|\*",
    r"@clerk/|@hono/clerk-auth$": r"auth|getAuth|currentUser|requireAuth|authenticateRequest|verifyToken|withAuth"
    r"|protect|ClerkExpressRequireAuth",
    r"next-auth|@auth/|@hono/auth-js$": r"auth|(?:unstable_)?getServerSession|getToken|getSession|verifyAuth|withAuth",
    r"@auth0/|express-oauth2-jwt-bearer$|express-openid-connect$": r"auth|getSession|withApiAuthRequired|requiresAuth"
    r"|requiredScopes|claimCheck",
    r"passport": r"authenticate",
    r"firebase-admin|firebase-auth-cloudflare|google-auth-library$": r"verifyIdToken|verifySessionCookie",
    r"iron-session$": r"getIronSession|unsealData",
    r"@kinde-oss/|@workos-inc/|@stackframe/|supertokens-node|@logto/|@descope/|@hono/stytch-auth": r"\w*[Ss]ession\w*"
    r"|withAuth|getUser|isAuthenticated|authenticate\w*",
    r"@unkey/": r"verifyKey|verify|withUnkey|unkey",
    r"@upstash/qstash|svix$|standardwebhooks$": r"verify|verifySignature\w*",
    r"@octokit/webhooks|@slack/bolt$|discord-interactions$": r"verify\w*|createNodeMiddleware",
    r"@upstash/workflow|inngest|@trigger\.dev/|@vercel/queue": r"serve|serve\(\)\.POST|default\(\)\.POST|\w*verify\w*"
    r"|handleCallback",
}
_LIBRARIES = [
    (re.compile(package), re.compile(rf"(?:^|\.)(?:{name})(?:\(\))?$")) for package, name in _PACKAGES.items()
]
# Methods of clients, whatever the variable is called.
_METHODS = re.compile(
    r"(?:\.auth\.(?:getUser|getClaims|getSession)|\.api\.(?:getSession|verifyApiKey)|\.(?:verifyIdToken|verifySessionCookie"
    r"|authenticateRequest|authenticateSession\w*|validateSession\w*|isAuthenticated|constructEvent(?:Async)?|verifyJwt"
    r"|authenticateJwt|verifyAccessToken))$"
)
_DECODED = re.compile(r"(?:^|\.)(?:decodeJwt|jwtDecode|jwt_decode)$|^(?:jwt|jsonwebtoken|JWT)\.decode$")
_REFUSES = re.compile(
    r"\b40[13]\b|[Uu]nauthori[sz]ed|UNAUTHORI[SZ]ED|[Ff]orbidden|FORBIDDEN|\bthrow\b|\bredirect\w*\(|\breject\(|notFound\("
    r"|\bnext\(\s*\w*[eE]rr|\bassert\w*\(|\bnull\b|\breturn\s+false\b"
)
_SESSION = re.compile(
    r"!\s*(?:req|request|ctx|c)\.(?:session|user|auth)\b|\b(?:req|request)\.session\.\w*(?:user|admin|logged)\w*"
    r"|(?:!\s*|\bif\s*\(\s*)(?:c|ctx|context)\.(?:var\.(?:user|session)|get\(\s*[\"'](?:user\w*|session|auth)[\"']\s*\))"
)
_LOCAL = {"arrow_function", "function_declaration", "function_expression", "method_definition"}
_NAME = re.compile(
    r"^(?!.*(?:author(?!i)|rate|limit|sign_?(?:in|up|out)|log_?(?:in|out)(?!ged)|callback|refresh|create|delete|update|revoke"
    r"|hash|generate|store|save|clear|set[A-Z_]|url|redirect|provider|schema))"
    r".*(?:auth(?:$|[^o]|oriz)|session|logged|api_?key|jwt|bearer|protect|permission|current_?user|credential|guard"
    r"|require_?(?:user|admin|role|member|scope)|is_?admin|admin_?only|access_?(?:token|control|check)"
    r"|(?:verify|check|validate)_?(?:token|signature|secret|request|webhook|cron|user|role)"
    r"|ensure_?(?:user|admin|owner|member)|with_?(?:user|workspace|team|org|account|admin|tenant|member))",
    re.IGNORECASE,
)
_CONDITIONS = re.compile(r"pathname|createRouteMatcher|nextUrl|\.url\b|startsWith\(|matcher|authorized\s*[:(]")
# A credential out of the request's headers, and an answer to those who have none.
_CREDENTIAL = re.compile(
    r"[\"'`](?:authorization|x-?[\w-]*(?:api-?key|token|secret|signature)|api-?key|api-?secret)[\"'`]|headers?\.authorization\b"
    r"|cookies?\(?\)?\.get\(\s*[\"'`][\w-]*(?:session|token|auth)",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"\b40[13]\b|unauthori[sz]ed|forbidden|invalid[ _](?:api|token|key|sig|auth|session)", re.IGNORECASE
)


@dataclass(slots=True)
class _Seen:
    """What was found on the way through an endpoint's code, the surest first."""

    sure: str = ""
    decoded: str = ""
    named: str = ""
    doubt: str = ""


def authentication(reacher: Reacher, endpoint: Endpoint) -> Control:
    """Whether a caller must show who they are before the endpoint does anything."""
    if endpoint.gateway:
        return Control(Presence.PRESENT, endpoint.gateway)
    seen = _Seen()
    for guard in endpoint.guards:
        _look_at_guard(reacher, guard, seen)
    if endpoint.handler is not None:
        _look_at_handler(reacher, endpoint.handler, seen)
    else:
        seen.doubt = seen.doubt or endpoint.lost
    for site in endpoint.middleware:
        _look_at_middleware(reacher, site, seen)
    if seen.sure or (seen.named and not seen.decoded):
        return Control(Presence.PRESENT, seen.sure or seen.named)
    if seen.doubt and not seen.decoded:
        return Control(Presence.UNRESOLVED, seen.doubt)
    return Control(Presence.ABSENT, seen.decoded)


def _look_at_guard(reacher: Reacher, guard: Site, seen: _Seen) -> None:
    name, reach = _short(guard), reacher.reach(guard)
    if sign := _sign(reacher, guard, reach.calls):
        library = not any(body.node.type in _LOCAL for body in reach.bodies)
        if library or _refuses(reacher, reach.bodies):  # else it looks who calls, and lets everybody pass
            seen.sure = seen.sure or f"{name} ({sign})"
    elif any(_DECODED.search(call.name) for call in reach.calls):
        seen.decoded = seen.decoded or f"{name} decodes the token and never verifies it"
    elif _asks_for_credential(reacher, reach.bodies):
        seen.sure = seen.sure or f"{name} (refuses requests without a credential)"
    elif any(reacher.says(body, _answers_401) for body in reacher.reach(guard, 2).bodies):
        seen.sure = seen.sure or f"{name} (answers 401)"
    else:
        _by_name(reacher, reacher.symbols.resolve(guard.path, _root(guard)), name, reach.bodies, seen)


def _look_at_handler(reacher: Reacher, handler: Site, seen: _Seen) -> None:
    reach = reacher.reach(handler)
    text = reacher.text(handler)
    if sign := _sign(reacher, handler, reach.calls):
        seen.sure = seen.sure or sign
    elif not seen.decoded and _SESSION.search(text) and _REFUSES.search(text):
        seen.sure = seen.sure or "refuses requests without a session"
    elif _asks_for_credential(reacher, reacher.reach(handler, 2).bodies):
        seen.sure = seen.sure or "refuses requests without a credential"
    for call in () if seen.sure else reacher.reach(handler, 1).calls:
        _by_name(reacher, call.target, call.last, _bodies(reacher, call), seen)


def _look_at_middleware(reacher: Reacher, site: Site, seen: _Seen) -> None:
    reach = reacher.reach(site)
    sign = _sign(reacher, site, reach.calls)
    if not sign or not _refuses(reacher, reach.bodies):
        return
    if any(reacher.says(body, _by_path) for body in reach.bodies[:6]):
        seen.doubt = seen.doubt or f"which paths the middleware in {site.path} protects"
    else:
        seen.sure = seen.sure or f"the middleware ({sign})"


def _by_path(text: str) -> bool:
    return bool(_CONDITIONS.search(text))


def _asks_for_credential(reacher: Reacher, bodies: list[Site]) -> bool:
    return any(body.node.type != "class_declaration" and reacher.says(body, _wants_credential) for body in bodies)


def _wants_credential(text: str) -> bool:
    return bool(_CREDENTIAL.search(text) and _REFUSED.search(text))


def _sign(reacher: Reacher, start: Site, calls: Iterable[Call]) -> str:
    """What proves that a caller is asked for; empty where nothing does."""
    for call in calls:
        if found := library_sign(call):
            return found
    for body in reacher.reach(start, 2).bodies:
        if body.node.type != "class_declaration" and (found := reacher.says(body, sign_of)):
            return found
    return ""


def library_sign(call: Call) -> str:
    """The library's function that asks who calls."""
    if isinstance(call.target, External):
        for package, name in _LIBRARIES:
            if package.match(call.target.package) and name.search(call.target.name):
                return f"{call.last} of {call.target.package}"
    return call.name if _METHODS.search(call.name) else ""


def _by_name(reacher: Reacher, target: Target | None, name: str, bodies: list[Site], seen: _Seen) -> None:
    """A name that sounds like authentication: taken for it where its code refuses callers, else not known."""
    if not _NAME.search(name.rsplit(".", 1)[-1].split("(", maxsplit=1)[0]):
        return
    if isinstance(target, Site):
        seen.named = seen.named or (name if _refuses(reacher, bodies) else "")
    elif isinstance(target, External):
        seen.named = seen.named or f"{name} of {target.package}"
    else:
        seen.doubt = seen.doubt or (f"{name} of {target.specifier}" if isinstance(target, Missing) else name)


def _bodies(reacher: Reacher, call: Call) -> list[Site]:
    return reacher.reach(call.target, 2).bodies if isinstance(call.target, Site) else []


def _refuses(reacher: Reacher, bodies: list[Site]) -> bool:
    return any(reacher.says(body, refuses) for body in bodies)


def refuses(text: str) -> bool:
    """Whether code answers some callers with no."""
    return bool(_REFUSES.search(text))


def _answers_401(text: str) -> bool:
    return bool(re.search(r"\b401\b|unauthori[sz]ed", text, re.IGNORECASE))


def _short(site: Site) -> str:
    return " ".join(text_of(site.node).split())[:40]


def _root(site: Site) -> Node:
    node = site.node
    return node.child_by_field_name("function") or node if node.type == "call_expression" else node
