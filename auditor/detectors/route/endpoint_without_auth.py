"""Endpoints that do something for everybody who calls."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.delegates import OPERATIONS, SIGNED, delegate
from auditor.facts.effects import READ, SEND, WRITE, supabase_table
from auditor.facts.limits import limited_itself
from auditor.facts.lookups import by_service
from auditor.facts.public_endpoints import declared_public
from auditor.facts.purposes import MUTATING, asks_for_token, for_visitors, open_by_purpose, opened_by_token
from auditor.facts.py_purposes import account_made, opened_by_secret
from auditor.facts.py_routes import is_python
from auditor.facts.symbols import Site
from auditor.facts.webhooks import receiver
from auditor.model import Answer, Confidence, Presence, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_INTERNAL = re.compile(r"(?:^|/)(?:admin|internal|debug|backoffice|superuser|users|export|dump)(?:/|$)", re.IGNORECASE)
_OPEN = re.compile(r"(?:^|/)public(?:/|$)", re.IGNORECASE)
_CHANGES = re.compile(r"(?:^|[/_-])(?:delete|destroy|remove|create|update|add|save|reset)(?:$|[/_-])", re.IGNORECASE)
_READS = re.compile(r"#(?:get|list|search|fetch|find|filter|load|count|check|read|query)", re.IGNORECASE)
_PRIVATE = re.compile(
    r"user|account|member|customer|order|payment|invoice|subscription|billing|session|token|key|secret|message|mail|report|patient",
    re.IGNORECASE,
)
# A share or an invitation, whose id nobody knows but who was sent the link.
_SHARED = re.compile(
    r"(?:^|[/_.#-])(?:shared?|shares|share-?links?|invites?|invitations?)(?:$|[/_.\[-])", re.IGNORECASE
)
_BY_ID = re.compile(r"\b(?:where|eq|find\w*)\b[^;]{0,160}\b(?:id|slug|key)\b")
_ACCOUNTS = re.compile(r"/(?:users|accounts|customers|members|profiles)/?$", re.IGNORECASE)
_ACCOUNT = re.compile(r"(?:users?|accounts?|customers?|members?|profiles?)$", re.IGNORECASE)
# The first start of an installation, when nobody has an account yet.
_SET_UP = re.compile(
    r"(?:^|[/_.#-])(?:setup|set-up|onboarding|install\w*|first-?run|bootstrap|initiali[sz]e)(?:$|[/_.\[-])",
    re.IGNORECASE,
)
_ONCE = re.compile(
    r"(?:already|can|is|has)\w*(?:complete|setup|set_up|initiali[sz]|install|rerun|run)|completed\b|\.count\(|setup_?done"
    r"|(?:complete|setup|initiali[sz]|install)\w*(?:already|done|status)",
    re.IGNORECASE,
)
# Whoever calls it is sent to pay himself: guests are often meant to.
_CHECKOUT = re.compile(r"\bcheckout\.(?:sessions|Session)\.create$", re.IGNORECASE)
_OPERATIONS = {"tRPC", "oRPC", "GraphQL", "Apollo", "Pothos", "Yoga"}
# What changes nothing but the answer itself.
_HARMLESS = re.compile(
    r"^(?:console|JSON|Math|Date|String|Number|Object|Array|Boolean|Promise|Map|Set|URL|URLSearchParams|NextResponse|Response"
    r"|Headers|Error|cookies|headers|revalidate\w*|redirect\w*|notFound|logger|log|z|process|encodeURIComponent|parseInt)\b"
    r"|^(?:c|ctx|context|res|reply|response|req|request|cookieStore|cookies\(\)|app)\.|\.(?:get|set|has|json|text|status|map|filter"
    r"|split|join|replace|trim|slice|includes|push|find|toString|toISOString|startsWith|endsWith|info|warn|error|parse|safeParse)$"
)
# `get_queryset` of a view of REST framework that leaves the default permissions as they are.
_OWN_ROWS = re.compile(
    r"\bdef get_queryset\b[\s\S]{0,400}?\b(?:filter|get_object_or_404|get)\([^\n]{0,120}=\s*self\.request\.user\b"
)
_DOES = {
    "read": "reads the database", "write": "writes to the database", "send": "sends messages",
    "pay": "moves money", "model": "calls a paid model",
}  # fmt: skip


def ask(repository: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    del repository
    for path, reason in code.unread.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason)
    for endpoint in inventory.asked:
        if endpoint.method not in {"OPTIONS", "HEAD"} and not receiver(inventory, endpoint):
            yield _answer(inventory, endpoint)


def _answer(inventory: Inventory, endpoint: Endpoint) -> Answer:
    found = inventory.authentication(endpoint)
    if found.presence is Presence.PRESENT:
        return Answer(endpoint.subject, State.OK, found.shows, endpoint.where)
    if (handed := _handed_on(inventory, endpoint)) is not None:
        return handed
    effects = inventory.effects(endpoint)
    text = inventory.text(endpoint)
    if reason := open_by_purpose(endpoint, effects, text) or account_made(endpoint, text):
        return Answer(endpoint.subject, State.OK, f"open on purpose: {reason}", endpoint.where)
    changes = _CHANGES.search(endpoint.path) and any(effect.kind == WRITE for effect in effects)
    if endpoint.method not in MUTATING and not changes:
        return _reading(endpoint, effects, found.shows if found.presence is Presence.ABSENT else "")
    if found.presence is Presence.UNRESOLVED:
        detail = f"whether {found.shows} asks who calls could not be followed"
        return Answer(endpoint.subject, State.UNKNOWN, detail, endpoint.where)
    return _writing(inventory, endpoint, text, found.shows)


def _handed_on(inventory: Inventory, endpoint: Endpoint) -> Answer | None:
    """What is known of an address that is declared public, or that a library answers by itself."""
    if declared_public(inventory.public, endpoint):
        return Answer(endpoint.subject, State.OK, "declared public in backend-audit.toml", endpoint.where)
    found = delegate(inventory.reacher, endpoint)
    if found is None:
        return None
    if found.kind == SIGNED:
        return Answer(endpoint.subject, State.OK, f"{found.package} verifies who calls", endpoint.where)
    if found.kind != OPERATIONS:
        return Answer(endpoint.subject, State.OK, f"open on purpose: answered by {found.package}", endpoint.where)
    if any(other.framework in _OPERATIONS for other in inventory.endpoints):
        return Answer(
            endpoint.subject, State.OK, f"{found.package}: its operations are asked one by one", endpoint.where
        )
    detail = f"{found.package} hands the request to operations that were not read"
    return Answer(endpoint.subject, State.UNKNOWN, detail, endpoint.where)


def _reading(endpoint: Endpoint, effects: list[Effect], shows: str) -> Answer:
    """A list that everybody may read is often meant so; one of users, or for administrators, is not."""
    reads = any(effect.kind == READ for effect in effects)
    private = shows or (_INTERNAL.search(endpoint.path) and not _OPEN.search(endpoint.path))
    severity = Severity.HIGH if reads and private else Severity.INFO
    detail = shows or f"nothing asks who calls{', and it reads the database' if reads else ''}"
    return Answer(endpoint.subject, State.FAIL, detail, endpoint.where, severity=severity, evidence="open read")


def _writing(inventory: Inventory, endpoint: Endpoint, text: str, shows: str) -> Answer:
    done = [effect for effect in inventory.effects(endpoint) if effect.kind in _DOES]
    free = [effect for effect in done if not _under_policies(inventory, effect)]
    if all(effect.kind == SEND for effect in free) and any(effect.kind == WRITE for effect in done):
        free = []  # the message about what policies let through, or refuse
    guarded, done = bool(done) and not free, free or done
    worst = next((effect for effect in done if effect.kind != READ), done[0] if done else None)
    severity, confidence = Severity.INFO if _harmless(inventory, endpoint) else Severity.LOW, None
    meant = _meant(inventory, endpoint, text) if worst is not None else ""
    if worst is not None:
        severity = _severity(endpoint, worst, text)
    if guarded or meant:
        severity = Severity.LOW
    if not endpoint.shown:
        severity = Severity.LOW if worst is not None and worst.kind != READ else Severity.INFO
        confidence = Confidence.SUSPECTED
    what = f"{_DOES[worst.kind]}{f' ({worst.table})' if worst.table else ''}" if worst else "has no known effect"
    detail = f"{shows or 'nothing asks who calls'}, and it {what}"
    if guarded:
        detail += " with the caller's own rights: row level security decides"
    detail += meant
    if not endpoint.shown:
        detail += "; no component imports the action, so that a build may leave it out"
    return Answer(
        endpoint.subject, State.FAIL, detail, endpoint.where,
        severity=severity, confidence=confidence, evidence="open write",
    )  # fmt: skip


def _severity(endpoint: Endpoint, worst: Effect, text: str) -> Severity:
    """An action that only reads is a read like any other, but one of people, of money or for administrators."""
    if worst.kind != READ:
        if _SET_UP.search(endpoint.path) and _ONCE.search(text):
            return Severity.MEDIUM
        if _CHECKOUT.search(worst.call.name):
            return Severity.MEDIUM
        by_link = asks_for_token(text) or (_SHARED.search(endpoint.path) and _BY_ID.search(text))
        return Severity.MEDIUM if by_link else Severity.HIGH
    private = endpoint.method != "ACTION" or _INTERNAL.search(endpoint.path) or _PRIVATE.search(worst.table)
    return Severity.MEDIUM if private or not _READS.search(endpoint.path) else Severity.LOW


def _meant(inventory: Inventory, endpoint: Endpoint, text: str) -> str:  # noqa: PLR0911 - a case per line
    """What says that people without an account are meant to call it, as the end of a sentence."""
    if opened_by_token(text) or (is_python(endpoint) and opened_by_secret(endpoint, text)):
        return "; a token that was sent to one person opens it"
    if is_python(endpoint) and _OWN_ROWS.search(text):
        return "; the rows are looked up with whoever calls, so that strangers find none"
    if for_visitors(endpoint, text):
        return "; visitors without an account are meant to"
    if _makes_account(inventory, endpoint):
        return "; people may be meant to make their account here"
    if _answers_preflight(inventory, endpoint):
        return "; it answers the preflight of other origins: browsers anywhere are meant to"
    if endpoint.public and not _INTERNAL.search(endpoint.path):
        return "; its decorator says that everybody may"
    return "; it counts its callers" if limited_itself(inventory.reacher, endpoint) else ""


def _makes_account(inventory: Inventory, endpoint: Endpoint) -> bool:
    """Whether a new user is stored with a password: `POST /users` of an application where anybody may join."""
    if endpoint.method != "POST" or endpoint.handler is None or not _ACCOUNTS.search(endpoint.path):
        return False
    made = any(effect.kind == WRITE and _ACCOUNT.match(effect.table) for effect in inventory.effects(endpoint))
    bodies = inventory.reacher.reach(endpoint.handler).bodies
    return made and any(inventory.reacher.says(body, _takes_password) for body in bodies)


def _takes_password(text: str) -> bool:
    return "password" in text.lower()


def _answers_preflight(inventory: Inventory, endpoint: Endpoint) -> bool:
    """Whether a route module has an `OPTIONS` of its own, which nobody writes for the pages of the same origin."""
    if endpoint.framework != "Next.js" or endpoint.method == "ACTION":
        return False
    return (endpoint.unit, endpoint.path, endpoint.where.path) in inventory.preflights()


def _harmless(inventory: Inventory, endpoint: Endpoint) -> bool:
    """Whether everything that the endpoint calls is known to change nothing but the answer and the caller's cookies."""
    if endpoint.handler is None:
        return False
    calls = inventory.reacher.reach(endpoint.handler, 2).calls
    return all(isinstance(call.target, Site) or _HARMLESS.search(call.name) for call in calls)


def _under_policies(inventory: Inventory, effect: Effect) -> bool:
    """Whether supabase-js asks with the caller's own rights, so that policies decide."""
    through_api = supabase_table(effect.call.node) is not None or effect.call.name.endswith(".rpc")
    return through_api and not by_service(inventory.reacher, effect)
