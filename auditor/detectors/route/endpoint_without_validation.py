"""Endpoints that use what the request brings as it comes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.declared_inputs import declared_schemas
from auditor.facts.effects import WRITE
from auditor.facts.guarded import validation
from auditor.facts.inputs import reads, unvalidated
from auditor.facts.purposes import MUTATING
from auditor.facts.syntax import line_of, text_of
from auditor.model import Answer, FileSpan, Presence, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inputs import Read
    from auditor.facts.inventory import Inventory
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = {"json": "the body", "form": "the form", "query": "the query", "arguments": "its arguments"}


def ask(repository: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    del repository
    for path, reason in code.unread.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason)
    for endpoint in inventory.asked:
        answer = _answer(inventory, endpoint)
        if answer is not None:
            yield answer


def _answer(inventory: Inventory, endpoint: Endpoint) -> Answer | None:
    found = validation(inventory, endpoint)
    if found.presence is Presence.PRESENT:
        return Answer(endpoint.subject, State.OK, found.shows, endpoint.where)
    if found.presence is Presence.UNRESOLVED and endpoint.method in MUTATING:
        return Answer(endpoint.subject, State.UNKNOWN, f"{found.shows} could not be followed", endpoint.where)
    if found.presence is not Presence.ABSENT or endpoint.method in {"OPTIONS", "HEAD"}:
        return None
    schemas = declared_schemas(inventory.reacher, endpoint)
    left = unvalidated(reads(inventory.reacher, endpoint), schemas)
    return _fault(endpoint, left, inventory.effects(endpoint))


def _fault(endpoint: Endpoint, open_ones: list[Read], effects: list[Effect]) -> Answer:
    severities = {id(read): _severity(read, effects) for read in open_ones}
    worst = max(open_ones, key=lambda read: severities[id(read)].rank)
    severity = severities[id(worst)]
    place = FileSpan(worst.path, line_of(worst.node))
    detail = f"{_WORDS[worst.kind]} is used without a schema"
    if worst.kind == "arguments":
        detail = "its arguments come from the browser and go through no schema"
    if severity is Severity.HIGH:
        detail += f", and {'go' if worst.kind == 'arguments' else 'goes'} into the database as a whole"
    elif worst.by_hand:
        detail += "; some of it is checked by hand"
    return Answer(endpoint.subject, State.FAIL, detail, place, severity=severity, evidence=worst.kind)


def _severity(read: Read, effects: list[Effect]) -> Severity:
    if read.kind == "query":
        return Severity.INFO if read.by_hand else Severity.LOW
    if any(_whole(read, effect) for effect in effects if effect.kind == WRITE):
        return Severity.HIGH
    return Severity.LOW if read.by_hand else Severity.MEDIUM


def _whole(read: Read, effect: Effect) -> bool:
    """Whether the value is stored as it is: `data: body`, `.insert(body)`, `...body`."""
    if effect.call.path != read.path or not read.whole:
        return False
    names = "|".join(map(re.escape, sorted(read.whole)))
    whole = rf"(?:{names})\b(?![.\w])"
    stored = rf"(?:data\s*:\s*|\.\.\.){whole}|(?:insert|update|upsert|values|set|create)\(\s*{whole}"
    return bool(re.search(stored, text_of(effect.call.node)))
