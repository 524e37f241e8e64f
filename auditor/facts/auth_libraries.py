"""The libraries' functions that ask who calls."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.symbols import External

if TYPE_CHECKING:
    from auditor.facts.reach import Call

_PACKAGES = {
    r"hono$|@hono/hono$": r"jwt|bearerAuth|basicAuth|jwk|verifyWithJwks|verify",
    r"jose$": r"jwtVerify|jwtDecrypt|compactVerify",
    r"jsonwebtoken$|fast-jwt$|njwt$|@tsndr/cloudflare-worker-jwt$": r"verify|createVerifier",
    r"express-jwt$|koa-jwt$|koa-basic-auth$|express-basic-auth$|basic-auth$": r"expressjwt|default|\*",
    r"@clerk/|@hono/clerk-auth$": r"auth|getAuth|currentUser|requireAuth|authenticateRequest|verifyToken|withAuth"
    r"|protect|ClerkExpressRequireAuth",
    r"next-auth|@auth/|@hono/auth-js$": r"auth|(?:unstable_)?getServerSession|getToken|getSession|verifyAuth|withAuth",
    r"@auth0/|express-oauth2-jwt-bearer$|express-openid-connect$": r"auth|getSession|withApiAuthRequired|requiresAuth"
    r"|requiredScopes|claimCheck",
    r"passport|(?:@[\w-]+/)?koa-passport$|@fastify/passport$": r"authenticate",
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
    r"(?:\.auth\.(?:getUser|getClaims|getSession|updateUser|getUserIdentities|reauthenticate)|\.auth\.mfa\.\w+"
    r"|\.api\.(?:getSession|verifyApiKey)|\.(?:verifyIdToken|verifySessionCookie"
    r"|authenticateRequest|authenticateSession\w*|validateSession\w*|isAuthenticated|constructEvent(?:Async)?|verifyJwt"
    r"|authenticateJwt|verifyAccessToken|interactionDetails|webhooks\.(?:verifyAndReceive|unmarshal)"
    r"|verifyAndDecode(?:Notification|Transaction|RenewalInfo))|\blocals\.(?:safeGetSession|getSession|auth|validate|validateUser))$"
    r"|^(?:safeGetSession|requireUserSession|getUserSession|serverSupabaseUser|serverSupabaseSession)$"
)


def library_sign(call: Call) -> str:
    """The library's function that asks who calls."""
    if isinstance(call.target, External):
        for package, name in _LIBRARIES:
            if package.match(call.target.package) and name.search(call.target.name):
                return f"{call.last} of {call.target.package}"
    return call.name if _METHODS.search(call.name) else ""
