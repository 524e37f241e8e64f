"""Webhooks whose signature has no age, and whose events are not remembered: an old one can be sent again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.effects import READ
from auditor.facts.webhooks import receiver, signature
from auditor.model import Answer, Presence, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_BY_HAND = re.compile(
    r"createHmac|subtle\.(?:verify|sign)|hmac\.(?:new|compare_digest|digest)|createVerify", re.IGNORECASE
)
_LIBRARY = re.compile(
    r"constructEvent|parseThinEvent|parseEventNotification|\bsvix\b|new\s+Webhook\(|standardwebhooks|unwrap\(|verifyWebhook|verifyHeader"
    r"|@octokit/webhooks|validateEvent|jwtVerify|jwt\.(?:verify|decode)"
)
_AGE = re.compile(r"time_?stamp|tolerance|\bage\b|expire|Date\.now\(\)|time\.time\(\)|\bnonce\b|replay", re.IGNORECASE)
_REMEMBERED = re.compile(
    r"idempoten|already|duplicate|processed|delivery_?id|event_?id|message_?id|x-github-delivery|upsert|on_?\s?conflict"
    r"|ignoreDuplicates|setnx|\bNX\b|findUnique\(\{\s*where:\s*\{\s*(?:event|external|webhook|message)",
    re.IGNORECASE,
)


def ask(repository: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    del repository
    for path, reason in code.unread.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason)
    for endpoint in inventory.endpoints:
        if receiver(inventory, endpoint) and signature(inventory, endpoint).presence is Presence.PRESENT:
            yield _answer(inventory, endpoint)


def _answer(inventory: Inventory, endpoint: Endpoint) -> Answer:
    sites = [site for site in (*endpoint.guards, endpoint.handler) if site is not None]
    bodies = [body for site in sites for body in inventory.reacher.reach(site, 2).bodies]

    def says(question: re.Pattern[str]) -> bool:
        return any(question.search(inventory.reacher.text(body)) for body in bodies)

    reason = ""
    if says(_LIBRARY) or not says(_BY_HAND):
        reason = "the check of the library, or of the platform, knows how old an event is"
    elif says(_AGE):
        reason = "the age of the event is looked at"
    elif says(_REMEMBERED):
        reason = "events that came before are told apart"
    elif not any(effect.kind != READ for effect in inventory.effects(endpoint)):
        reason = "nothing was seen that a second time would change"
    if reason:
        return Answer(endpoint.subject, State.OK, reason, endpoint.where)
    detail = "a signed event may be sent again and again: neither its age nor whether it came before is looked at"
    return Answer(endpoint.subject, State.FAIL, detail, endpoint.where, severity=Severity.LOW, evidence="replay")
