"""Endpoints at which people come in: what makes a session, or checks a password, is no guard of itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.asked import asked
from auditor.facts.auth_libraries import library_sign
from auditor.facts.py_routes import is_python
from auditor.facts.refusals import refuses, turns_away
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.reach import Call, Reacher

_ALONE = (
    r"(?:users?|accounts?|admins?|members?|customers?|do|handle|post|process|submit|perform|e?mail|password|local|web"
    r"|social|auth)"
)
_WITH = (
    r"(?:users?|accounts?|admins?|members?|customers?|actions?|handler|submit|form|e?mail|password|credentials|local"
    r"|callback|google|github|2fa|totp)"
)
_COMES_IN = re.compile(
    rf"(?:{_ALONE}-)*(?:log-?in|sign-?in|sign-?up)(?:-(?:with|by|via|and)(?:-\w+)+|(?:-{_WITH})*)", re.IGNORECASE
)
# Where an administrator may do it for others, who must then be asked in so many words.
_MAY_COME_IN = re.compile(
    rf"(?:{_ALONE}-)*register(?:-{_WITH})*|registration"
    r"|(?:\w+-)?(?:reset-?password|password-?reset|forgot(?:ten)?-?password|lost-?password|request-?password-?reset)"
    r"(?:-(?:request|e?mail|link|token|confirm|complete|action))*",
    re.IGNORECASE,
)
_PARAMETER = re.compile(r"[:\[{<*]")
_WHO = r"(?:user\w*|uid|account\w*|passport|auth\w*|admin\w*|logged\w*|isLoggedIn|is_?admin)"
_MAKES = re.compile(
    rf"\bsession[!?]?\.{_WHO}\s*=(?![=>])|\b(?:req|request)\.log[iI]n\("
    r"|\b(?:createUserSession|setUserSession|createAuthSession)\("
    r"|\.auth\.(?:signInWith\w+|signUp|exchangeCodeForSession|verifyOtp)\(|\b(?:signInEmail|signUpEmail)\("
)
# Of people only where the address is about them: a conversation, or a payment, has sessions too.
_MAY_MAKE = re.compile(r"\b(?:createSession|setSession(?:Cookie)?|startSession)\(")
_OF_PEOPLE = re.compile(r"auth|log-?_?in|sign-?_?(?:in|up)|sso|saml|callback|passkey|webauthn|magic|otp", re.IGNORECASE)
_MAKES_PY = re.compile(
    r"\blog(?:in|_in)_user\(|\b(?:auth|django_auth)?_?\blogin\(\s*(?:self\.)?request\s*,"
    r"|\bsession\[\s*[\"'](?:user\w*|uid|account\w*|admin\w*|logged\w*|username)[\"']\s*\]\s*="
    r"|RefreshToken\.for_user\(|\bcreate_access_token\("
)
_ASKS_PY = re.compile(
    r"\bnot\s+(?:request|current|g|self\.request)[._]user\.is_authenticated|user\.is_anonymous|user\.is_(?:staff|superuser|admin)\b"
    r"|\b(?:session\.get\([^()]*\)|session_user|current_user|g\.user)\s+is\s+None|[\"']user\w*[\"']\s+not\s+in\s+session"
)
_REFUSES_PY = re.compile(r"\b40[13]\b|UNAUTHORI[SZ]ED|FORBIDDEN|redirect\(|raise\s|abort\(")
_REQUIRES = re.compile(
    r"(?:require|ensure|assert|with)_?(?:auth|user|session|admin|login|signed)|(?:current|session|auth)_?user|get_?(?:server_?)?session$|protect",
    re.IGNORECASE,
)
_OF_TOKENS = {"verify", "jwtVerify", "verifyIdToken", "verifyJwt", "jwtDecrypt", "compactVerify"}
_OF_WHAT_WAS_SENT = re.compile(r"compares|verif|asks for|\w*[vV]erif\w* of")
_HOPS = 3


@dataclass(frozen=True, slots=True)
class Entering:
    """`always`: nobody who calls it can be known yet. `until`: where the session is made, in bytes of the file."""

    always: bool
    until: int


def entering(endpoint: Endpoint) -> Entering | None:
    """Whether people come in here, by the address or because the handler makes their session."""
    handler = endpoint.handler
    if handler is None or handler.node.type == "class_definition" or endpoint.method == "GRAPHQL":
        return None
    last = _last(endpoint)
    text = text_of(handler.node)
    made = (_MAKES_PY if is_python(endpoint) else _MAKES).search(text)
    if made is None and _OF_PEOPLE.search(endpoint.path.rpartition("#")[2]):
        made = _MAY_MAKE.search(text)
    until = handler.node.start_byte + len(text[: made.start()].encode()) if made else handler.node.end_byte
    if _COMES_IN.fullmatch(last):
        return Entering(always=True, until=until)
    return Entering(always=False, until=until) if made or _MAY_COME_IN.fullmatch(last) else None


def _last(endpoint: Endpoint) -> str:
    """The last word of an address that is no parameter: of `/auth/sign-in/:provider/callback`, `sign-in`."""
    parts = [part for part in re.split(r"[/#.]", endpoint.path) if part and not _PARAMETER.search(part)]
    if len(parts) > 1 and parts[-1] in {"callback", "submit", "confirm", "request", "verify"}:
        parts.pop()
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", parts[-1]).replace("_", "-") if parts else ""


def asks_before(reacher: Reacher, handler: Site, found: Entering) -> str:
    """What asks who calls before the session is made, in so many words; empty where nothing does."""
    if found.always:
        return ""
    head = _before(handler, found)
    if turns_away(head):
        return "refuses requests without a session"
    for call in reacher.own(handler):
        if call.node.start_byte < found.until and (sign := _asks(reacher, call, head)):
            return sign
    return ""


def asks_before_python(handler: Site, found: Entering) -> str:
    """The same for Python."""
    if found.always:
        return ""
    head = _before(handler, found)
    return "asks whether the caller is signed in" if _ASKS_PY.search(head) and _REFUSES_PY.search(head) else ""


def _asks(reacher: Reacher, call: Call, head: str) -> str:
    """What looks for somebody who is signed in; a token that is verified here may be the one of a mail."""
    if call.last in _OF_TOKENS:
        return ""
    if sign := library_sign(call) or (call.last if _REQUIRES.search(call.last) else ""):
        return sign if refuses(head) else ""
    inner = asked(reacher, call.target, _HOPS) if isinstance(call.target, Site) else None
    return inner.sign if inner is not None and inner.strict and not _OF_WHAT_WAS_SENT.match(inner.sign) else ""


def _before(handler: Site, found: Entering) -> str:
    whole = handler.node.text or b""
    return whole[: found.until - handler.node.start_byte].decode("utf-8", "replace")
