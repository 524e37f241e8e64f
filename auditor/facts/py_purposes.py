"""What a Python endpoint that asks nobody is open for: making an account, or a secret that only one person was sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.py_routes import is_python

if TYPE_CHECKING:
    from auditor.facts.endpoints import Endpoint

_NAMES = r"(?:\w*(?:token|secret|otp|signature|hash|invit\w*key|license_key|activation_key)|uidb64)"
_IN_PATH = re.compile(rf"[{{<](?:\w+:)?{_NAMES}[}}>:]", re.IGNORECASE)
_LOOKED_UP = re.compile(
    rf"\b(?:get|find|fetch|load|lookup|check|consume|verify|validate)_(?:\w+_)?(?:by_)?(?:key|{_NAMES})\("
    rf"|\b(?:filter|filter_by|get|get_object_or_404|where)\([^()]{{0,120}}\b{_NAMES}\s*(?:=|==)",
    re.IGNORECASE,
)
_ACCOUNTS = re.compile(r"/(?:users?|accounts?|customers?|members?)/?$", re.IGNORECASE)
_MADE = re.compile(r"\b(?:create|register|sign_?up|add)_?(?:new_?)?(?:user|account)\b|\bUser\w*\(", re.IGNORECASE)
_CODES = re.compile(r"(?:log_?in|session|sign_?in|magic|one_?time)_?(?:code|link)", re.IGNORECASE)


def opened_by_secret(endpoint: Endpoint, text: str) -> bool:
    """Whether a secret out of the request chooses the row: one of the path, or one that the code looks up."""
    return bool(_IN_PATH.search(endpoint.path) or _LOOKED_UP.search(text))


def account_made(endpoint: Endpoint, text: str) -> str:
    """Why everybody may call an endpoint of a Python server that makes an account or sends a code to sign in with."""
    if not is_python(endpoint) or endpoint.method != "POST":
        return ""
    if _ACCOUNTS.search(endpoint.path) and _MADE.search(text) and "password" in text:
        return "people make their account here"
    return "people sign in here" if _CODES.search(text) and "email" in text else ""
