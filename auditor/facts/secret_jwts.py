"""Supabase's API keys of the older kind: a JSON Web Token whose payload names a role. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_JWT = re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{20,1000}")
# What every local stack signs with: such a token opens nothing but a developer's own machine.
_LOCAL_SECRETS = (
    b"super-secret-jwt-token-with-at-least-32-characters-long",
    b"your-super-secret-jwt-token-with-at-least-32-characters-long",
)

_SAMPLES = {"1234567890", "test", "user", "123", "user123"}


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A token by its place, role, project and end of validity (None: never)."""

    start: int
    end: int
    value: str
    role: str
    project: str
    expires: float | None


def find_api_keys(text: str) -> Iterator[ApiKey]:
    """Tokens that Supabase issued for a project, of every role but those of the local default stack."""
    if "eyJ" not in text:
        return
    for match in _JWT.finditer(text):
        payload = _payload(match[0])
        role, issuer = payload.get("role"), str(payload.get("iss", "supabase"))
        if not isinstance(role, str) or "supabase" not in issuer or issuer == "supabase-demo" or _is_local(match[0]):
            continue
        expires = payload.get("exp")
        end = float(expires) if isinstance(expires, int | float) else None
        project = payload.get("ref")
        yield ApiKey(*match.span(), match[0], role, project if isinstance(project, str) else "", end)


def is_private_jwt(value: str) -> bool:
    """Whether a value is a token of somebody else's: no key of Supabase, whose role says what it is, and no sample,
    which is mostly one that ended long ago.
    """
    payload = _payload(value) if _JWT.fullmatch(value) else {}
    ends = payload.get("exp")
    ended = isinstance(ends, int | float) and ends < time.time()
    return bool(payload) and not ended and "role" not in payload and payload.get("sub") not in _SAMPLES


def _payload(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    try:
        read = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _is_local(token: str) -> bool:
    signed, _, signature = token.rpartition(".")
    made = (hmac.digest(key, signed.encode(), hashlib.sha256) for key in _LOCAL_SECRETS)
    return any(base64.urlsafe_b64encode(mac).decode().rstrip("=") == signature for mac in made)
