"""What an endpoint is for, as far as that decides which controls it needs: signing in, health, webhooks, documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.effects import SIGN_IN
from auditor.facts.entering import entering
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint

MUTATING = {"POST", "PUT", "PATCH", "DELETE", "ALL", "ACTION", "MUTATION"}
_WORD = r"(?:^|[/_.\-#:\[])(?:{})(?:$|[/_.\-\]?])"
_SIGNS_IN = re.compile(
    _WORD.format(
        r"log-?in|sign-?in|sign-?up|log-?out|sign-?out|oauth2?|sso|saml|forgot"
        r"|(?:(?:re-?)?(?:send|request|start|confirm|complete|init(?:iate)?|verify|validate|check|user)-?)*"
        r"(?:reset-?password|password-?reset|(?:forgot(?:ten)?|lost)-?password)"
        r"(?:-?(?:request|e?mail|link|token|code|confirm|complete))*"
        r"|magic-?link|otp|csrf|mfa|2fa|passkeys?|webauthn|auth|(?:verify|validate|confirm)-?e?mail|verification-?email"
        r"|(?:re-?)?send-?(?:e?mail-)?(?:verification|validation|confirmation|activation|otp|magic)[\w-]*"
        r"|(?:password|account)-?recovery|recover(?:-?password)?|account-?exists|refresh-?tokens?|(?:oauth|auth|sso|login)-?callback|check-?password"
    ),
    re.IGNORECASE,
)
# Words that mean it only where nothing but `/api/v1` or what belongs to accounts stands before them.
_MAY_SIGN_IN = re.compile(
    r"^/?(?:(?:api|v\d+|rest|public|users?|accounts?|members?|customers?|sessions?|e?mail|password)/)*"
    r"(?:register|refresh|callback|verify|confirm(?:ation)?|authorize|token|verification|password|activate|sessions?)"
    r"(?:/:\w+|/\[\w+\]|/\{\w+\})?/?$"
    r"|/(?:callback|verify-?(?:token|code|password|otp))(?:/\w+|/:\w+|/\[\w+\])?/?$",
    re.IGNORECASE,
)
_ACTION_SIGNS_IN = re.compile(
    r"(?:sign|log)_?(?:in|up|out)|register(?!ed)|forgot|reset_?password|(?:verify|resend|send)\w*(?:password|email|otp|mfa|pin|code)"
    r"|magic|oauth|request_?password|confirm_?email|auth$|callback|mfa|two_?factor|passkey|webauthn",
    re.IGNORECASE,
)
# What a controller calls the method where people get an account or a session.
_HANDLER_SIGNS_IN = re.compile(
    r"(?:sign_?(?:[iI]n|[uU]p)|log_?[iI]n)(?:[A-Z_]\w*)?|register_?(?:[nN]ew_?)?(?:[uU]ser|[aA]ccount|[cC]ustomer)"
)
_OPERATION_SIGNS_IN = re.compile(
    r"register|createAccount|(?:(?:send|request|confirm|complete|validate)_?)?(?:[rR]eset_?[pP]assword|[pP]assword_?[rR]eset|[fF]orgot_?[pP]assword)"
    rf"(?:_?(?:[rR]equest|[eE]mail|[lL]ink|[tT]oken))?|{_HANDLER_SIGNS_IN.pattern}"
)
_PLAIN = re.compile(
    _WORD.format(
        r"health\w*|live(?:ness)?|ready|readyz|livez|readiness|ping|status|version|robots\.txt|sitemap\.xml|favicon\.ico|metrics"
        r"|openapi(?:\.json)?|docs?|swagger|reference|\.well-known|manifest(?:\.json)?|unsubscribe|csp-report"
    ),
    re.IGNORECASE,
)
# A session that somebody makes who has one, or should.
_FOR_ANOTHER = re.compile(r"admin|impersonat|switch|act-?_?as|internal|sudo|debug|test", re.IGNORECASE)
_DOCUMENTS = re.compile(r"^(?:express\b|hono: serveStatic)")
_NOT_THERE = re.compile(
    r"\b(?:404|405|410|501)\b|notFound\(|not[ _]found|not[ _]allowed|not[ _]implemented", re.IGNORECASE
)
_MAX_REFUSAL = 500  # characters: a longer handler does more than to refuse
_ANSWERS = re.compile(r"\breturn\b|\.(?:json|send|text|end|body|html)\(")
_TWO = 3  # `return` and what it returns; more are two answers
_CAPTCHA = re.compile(r"captcha|turnstile|botid|checkBotId", re.IGNORECASE)
_MACHINE = re.compile(_WORD.format(r"cron\w*|internal|scheduler"), re.IGNORECASE)
# Work for machines, or what people keep lists of: tasks to do, jobs to apply for.
_WORK = re.compile(_WORD.format(r"jobs?|queues?|workers?|tasks?|workflows?"), re.IGNORECASE)
_KEY = re.compile(r"secret|constant time|api.?key|\bkey\b|internal|service", re.IGNORECASE)
_OF_CALLER = re.compile(
    r"\b(?:req|request|ctx|c|context)\.(?:auth|user|session|account|team)\b(?!\s*=[^=])|\.get\(\s*[\"'](?:user|auth|session)\w*[\"']"
)
_SHARED_SECRET = re.compile(
    r"qstash|cron|secret of its environment|signature|workflow|inngest|handleCallback", re.IGNORECASE
)
_TAKES = re.compile(r"\.(?:json|parseBody|formData|body|text)\(\s*\)|\b2\d\d\b|\.body\b")
_TOKEN = re.compile(
    r"(?:where|eq|findUnique|findFirst|get)\b[^;]{0,120}\b\w*(?:[tT]oken|[cC]ode|[hH]ash|[sS]ecret|otp|OTP|inviteId|shareId)\b"
    r"|\w\(\s*(?:\{\s*)?(?:token|inviteToken|verificationToken|shareToken)\b"
)
_SENT_TOKEN = re.compile(
    r"(?:where|eq|findUnique|findFirst|findOne)\b[^;]{0,120}\b(?:t|[a-z]\w*T|\w+_t)oken\b"
    r"|\b(?:t|[a-z]\w*T)oken\s*:\s*(?:\w+\.){0,3}(?:input|body|params|query|data|args|parsed)\.\w{0,30}[tT]oken\b"
)
# `redis.get(PREFIX + token)`: what a mail's token stands for, kept for a while.
_KEPT_TOKEN = re.compile(r"(?:\+\s*|\$\{\s*|\b(?:get|getdel|getDel)\(\s*)(?:t|[a-z]\w*T)oken\b")
_STORE = re.compile(r"\b(?:redis|cache|kv)\w*\.get\w*\(", re.IGNORECASE)
# What visitors do who have no account: they subscribe, write to the owner, are counted.
_VISITORS = re.compile(
    r"(?:^|[/_.\-#])(?:(?:un)?subscribe\w*|\w*subscribers?\.(?:upsert|create|add)|newsletter\w*|wait-?list\w*|(?:submit[-_]?)?contact(?:[-_]?(?:us|form))?"
    r"|analytics|telemetry|vitals|page-?views?|beacon|web-?vitals)(?:$|[/.\-\]])",
    re.IGNORECASE,
)
_OF_VISITOR = re.compile(
    r"cookie\w*(?:\(\))?\)?\??\.get\(\s*[\"'`][\w-]*(?:cart|basket|guest|visitor|anon)", re.IGNORECASE
)


def signs_in(endpoint: Endpoint, effects: Iterable[Effect]) -> bool:
    """Whether people get their session, their account or a new password here."""
    if any(effect.kind == SIGN_IN for effect in effects):
        return True
    if endpoint.method == "ACTION":
        return bool(_ACTION_SIGNS_IN.search(endpoint.path.partition("#")[2]))
    if endpoint.method == "MUTATION" and _OPERATION_SIGNS_IN.fullmatch(endpoint.path.rpartition(".")[2]):
        return True
    return signs_in_at(endpoint.path) or _makes_session(endpoint)


def signs_in_at(path: str) -> bool:
    """Whether an address says so."""
    path = path.replace("_", "-")
    return bool(_SIGNS_IN.search(path) or _MAY_SIGN_IN.search(path))


def _makes_session(endpoint: Endpoint) -> bool:
    """`POST /user` of a controller's `signUp`, whose path does not say so."""
    handler = endpoint.handler
    if endpoint.method != "POST" or handler is None or handler.node.type != "method_definition":
        return False
    return bool(_HANDLER_SIGNS_IN.fullmatch(text_of(handler.node.child_by_field_name("name"))))


def open_by_purpose(endpoint: Endpoint, effects: list[Effect], text: str) -> str:
    """Why everybody may call an endpoint, empty where nothing says so."""
    if _DOCUMENTS.search(endpoint.lost):
        return "serves documents"
    if signs_in(endpoint, effects) or (entering(endpoint) is not None and not _FOR_ANOTHER.search(endpoint.path)):
        return "people sign in here"
    if endpoint.method != "ACTION" and _PLAIN.search(endpoint.path):
        return "health, documentation and the like"
    short = len(text) < _MAX_REFUSAL and len(_ANSWERS.findall(text)) < _TWO
    if not effects and short and _NOT_THERE.search(text) and not _TAKES.search(text):
        return "it only answers that nothing is there"
    return "a captcha stands before it" if _CAPTCHA.search(text) else ""


def by_machine(endpoint: Endpoint, shows: str) -> bool:
    """Whether a scheduler or another service calls, so that there is no user whose rows these are."""
    sign = re.search(r"\(([^()]*)\)$", shows)  # what was seen, without the guard's own name
    seen = sign[1] if sign else shows
    if _MACHINE.search(endpoint.path) or (_WORK.search(endpoint.path) and _KEY.search(seen)):
        return True
    return bool(_SHARED_SECRET.search(seen)) and not (
        endpoint.handler is not None and _OF_CALLER.search(text_of(endpoint.handler.node))
    )


def for_visitors(endpoint: Endpoint, text: str) -> bool:
    """Whether people without an account are meant to call it: to subscribe, to fill a cart that a cookie names."""
    return bool(_VISITORS.search(endpoint.path) or _OF_VISITOR.search(text))


def opened_by_token(text: str) -> bool:
    """Whether a token that only its owner was sent chooses the row: a link in a mail, an invitation."""
    return bool(_SENT_TOKEN.search(text) or (_STORE.search(text) and _KEPT_TOKEN.search(text)))


def asks_for_token(text: str) -> bool:
    """Whether what happens depends on a token out of the request: an invitation, a share, a confirmation."""
    return bool(_TOKEN.search(text))
