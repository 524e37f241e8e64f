"""Webhooks whose signature has no age, and whose events are not remembered: an old one can be sent again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.verified_webhooks import ask_verified
from auditor.facts.effects import READ
from auditor.model import Answer, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.facts.symbols import Site
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


def ask(_: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    yield from ask_verified(code, inventory, _answer)


def _answer(inventory: Inventory, endpoint: Endpoint, bodies: list[Site]) -> Answer | None:

    def says(question: re.Pattern[str]) -> bool:
        return any(question.search(inventory.reacher.text(body)) for body in bodies)

    reason = ""
    if not says(_LIBRARY) and not says(_BY_HAND):
        return None  # a secret that is sent along proves nothing of one request more than of the next
    if says(_LIBRARY):
        reason = "the library's check knows how old an event is"
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
