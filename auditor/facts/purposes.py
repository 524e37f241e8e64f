"""What an endpoint is for, as far as that decides which controls it needs: signing in, health, webhooks, documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.effects import SIGN_IN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint

MUTATING = {"POST", "PUT", "PATCH", "DELETE", "ALL", "ACTION"}
_WORD = r"(?:^|[/_.\-#:\[])(?:{})(?:$|[/_.\-\]?])"
_SIGNS_IN = re.compile(
    _WORD.format(
        r"log-?in|sign-?in|sign-?up|register|log-?out|sign-?out|forgot(?:-?password)?|reset-?password|password-?reset|password"
        r"|refresh(?:-?tokens?)?|oauth2?|sso|saml|callback|verify(?:-?e?mail)?|confirm(?:ation)?|magic-?link|otp|csrf|auth"
        r"|verification(?:-?email)?|send-?verification\w*|authorize|token|account-?exists"
    ),
    re.IGNORECASE,
)
_ACTION_SIGNS_IN = re.compile(
    r"(?:sign|log)_?(?:in|up|out)|register(?!ed)|forgot|reset_?password|verify_?(?:password|email|otp|mfa|pin)|magic|oauth"
    r"|request_?password|confirm_?email|auth$|callback",
    re.IGNORECASE,
)
_PLAIN = re.compile(
    _WORD.format(
        r"health\w*|live(?:ness)?|ready|readyz|livez|readiness|ping|status|version|robots\.txt|sitemap\.xml|favicon\.ico|metrics"
        r"|openapi(?:\.json)?|docs?|swagger|reference|\.well-known|manifest(?:\.json)?|unsubscribe|csp-report"
    ),
    re.IGNORECASE,
)
_ANSWERED = re.compile(
    r"^(?:next-auth|better-auth|@auth/|@clerk/|@auth0/|supertokens|@kinde-oss/|@workos|@better-auth/)"
)
_DOCUMENTS = re.compile(
    r"^(?:swagger-ui|@scalar/|@hono/swagger-ui|express\b|serve-static|hono: serveStatic|@hono/node-server)"
)
_CAPTCHA = re.compile(r"captcha|turnstile|botid|checkBotId", re.IGNORECASE)
_MACHINE = re.compile(
    _WORD.format(r"cron\w*|jobs?|queues?|workers?|tasks?|internal|scheduler|workflows?"), re.IGNORECASE
)
_SHARED_SECRET = re.compile(
    r"qstash|cron|secret of its environment|signature|workflow|inngest|handleCallback", re.IGNORECASE
)
_TOKEN = re.compile(
    r"(?:where|eq|findUnique|findFirst|get)\b[^;]{0,120}\b\w*(?:[tT]oken|[cC]ode|[hH]ash|[sS]ecret|otp|OTP|inviteId|shareId)\b"
    r"|\w\(\s*(?:\{\s*)?(?:token|inviteToken|verificationToken|shareToken)\b"
)


def signs_in(endpoint: Endpoint, effects: Iterable[Effect]) -> bool:
    """Whether people get their session, their account or a new password here."""
    if any(effect.kind == SIGN_IN for effect in effects):
        return True
    if endpoint.method == "ACTION":
        return bool(_ACTION_SIGNS_IN.search(endpoint.path.partition("#")[2]))
    return bool(_SIGNS_IN.search(endpoint.path))


def open_by_purpose(endpoint: Endpoint, effects: list[Effect], text: str) -> str:
    """Why everybody may call an endpoint, empty where nothing says so."""
    if _ANSWERED.search(endpoint.lost):
        return f"answered by {endpoint.lost.split(':')[0]}"
    if _DOCUMENTS.search(endpoint.lost):
        return "serves documents"
    if signs_in(endpoint, effects):
        return "people sign in here"
    if endpoint.method != "ACTION" and _PLAIN.search(endpoint.path):
        return "health, documentation and the like"
    return "a captcha stands before it" if _CAPTCHA.search(text) else ""


def by_machine(endpoint: Endpoint, shows: str) -> bool:
    """Whether a scheduler or another service calls, so that there is no user whose rows these are."""
    sign = re.search(r"\(([^()]*)\)$", shows)  # what was seen, without the guard's own name
    return bool(_MACHINE.search(endpoint.path) or _SHARED_SECRET.search(sign[1] if sign else shows))


def asks_for_token(text: str) -> bool:
    """Whether what happens depends on a token out of the request: an invitation, a share, a confirmation."""
    return bool(_TOKEN.search(text))
