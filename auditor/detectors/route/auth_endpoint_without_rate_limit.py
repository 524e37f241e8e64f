"""Endpoints where passwords are tried, messages are sent or models are paid for, as often as anybody likes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.delegates import delegate
from auditor.facts.effects import MODEL, SEND, SIGN_IN
from auditor.facts.purposes import MUTATING, signs_in
from auditor.facts.py_routes import is_python
from auditor.facts.webhooks import receiver
from auditor.model import Answer, Presence, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository


# Steps where another party was asked for the password, or none is.
_ELSEWHERE = re.compile(
    r"(?:^|[/_.#-])(?:oauth2?|saml|sso|oidc|callback|csrf|\.?well-known|refresh)(?:$|[/_.-])|(?:log|sign)_?-?out",
    re.IGNORECASE,
)
# Nobody is known before these, whatever a guard of the whole server, with exceptions of its own, seemed to ask.
_OWN_PASSWORD = re.compile(r"(?:change|update)[-_]?password|password/(?:change|update)", re.IGNORECASE)
_BEFORE = re.compile(r"/(?:log-?in|sign-?in|sign-?up|forgot-?password)/?$", re.IGNORECASE)


def ask(repository: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    del repository
    for path, reason in code.unread.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason)
    for endpoint in inventory.asked:
        if endpoint.method in MUTATING and not receiver(inventory, endpoint):
            answer = _answer(inventory, endpoint)
            if answer is not None:
                yield answer


def _answer(inventory: Inventory, endpoint: Endpoint) -> Answer | None:
    purpose = _purpose(inventory, endpoint)
    if not purpose:
        return None
    found = inventory.rate_limit(endpoint)
    if found.presence is Presence.PRESENT:
        return Answer(endpoint.subject, State.OK, f"limited: {found.shows}", endpoint.where)
    if found.presence is Presence.UNRESOLVED:
        detail = f"{purpose}; whether {found.shows} limits it could not be followed"
        return Answer(endpoint.subject, State.UNKNOWN, detail, endpoint.where)
    detail, severity = f"{purpose}, and nothing limits how often", Severity.MEDIUM
    if _by_supabase(inventory.effects(endpoint)):
        severity = Severity.LOW
        detail += "; Supabase Auth counts by address, and sees this server's for everybody"
    elif _asked_again(inventory, endpoint):
        severity = Severity.LOW
        detail = "callers who are signed in show a password again, and nothing limits how often"
    return Answer(endpoint.subject, State.FAIL, detail, endpoint.where, severity=severity, evidence="unlimited")


def _purpose(inventory: Inventory, endpoint: Endpoint) -> str:
    """Why the endpoint must be limited, empty when it need not be."""
    if endpoint.handler is None or not endpoint.shown or delegate(inventory.reacher, endpoint) is not None:
        return ""  # a library answers, with limits of its own; or nobody calls it
    effects = inventory.effects(endpoint)
    known = inventory.authentication(endpoint).presence is Presence.PRESENT
    kinds = {effect.kind for effect in effects}
    stranger = not known or _BEFORE.search(endpoint.path)
    if SIGN_IN in kinds or (stranger and _credentials(endpoint, effects)):
        return "people sign in here"
    if not known and kinds & {SEND}:
        return "it sends messages for everybody"
    return "it calls a paid model for everybody" if not known and kinds & {MODEL} else ""


def _asked_again(inventory: Inventory, endpoint: Endpoint) -> bool:
    """Whether something else has asked who calls, at an address where nobody signs in: a change of the own password.

    In Python, where a password that is compared counts as asking, only what stands before the handler does.
    """
    asked = inventory.authentication(replace(endpoint, handler=None) if is_python(endpoint) else endpoint)
    elsewhere = not signs_in(endpoint, ()) or _OWN_PASSWORD.search(endpoint.path) is not None
    return asked.presence is Presence.PRESENT and elsewhere


def _credentials(endpoint: Endpoint, effects: list[Effect]) -> bool:
    return bool(effects) and signs_in(endpoint, effects) and not _ELSEWHERE.search(endpoint.path)


def _by_supabase(effects: list[Effect]) -> bool:
    """Whether all that is tried or sent goes through Supabase Auth, which has limits of its own."""
    costly = [effect for effect in effects if effect.kind in {SIGN_IN, SEND, MODEL}]
    return bool(costly) and all(".auth." in effect.call.name for effect in costly)
