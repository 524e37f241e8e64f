"""Lists that grow with the table: a query without a limit behind an endpoint that answers with its rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of
from auditor.facts.effects import READ, chained, effects
from auditor.facts.purposes import by_machine
from auditor.facts.py_lists import python_lists
from auditor.facts.py_routes import is_python
from auditor.facts.syntax import line_of, text_of
from auditor.model import Answer, FileSpan, Presence, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_LISTS = re.compile(r"\.(?:findMany|find|select|selectDistinct)$")
_BOUNDS = {
    "limit",
    "range",
    "single",
    "maybeSingle",
    "take",
    "first",
    "then_first",
    "findFirst",
    "csv",
    "top",
    "paginate",
}
_TAKES = re.compile(r"\b(?:take|limit|first|pageSize|perPage)\b|\.\.\.\w*[pP]agina\w*")
_FEW = re.compile(r"\bin\s*:|\binArray\(|\$in\b|\bid\s*:\s*\{|\b\w*[iI]ds\b|\bcount\s*:|head\s*:\s*true")
_OWN = re.compile(r"\b(?:user_?id|owner_?id|author_?id|profile_?id|session_?id|created_?by)\b", re.IGNORECASE)
_SMALL = re.compile(
    r"plan|role|permission|categor|country|currenc|setting|config|plugin|feature|tag$|tags$|language|price|product",
    re.IGNORECASE,
)


def ask(repository: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    del repository, code
    for endpoint in inventory.asked:
        if endpoint.method not in {"GET", "ALL"} or endpoint.handler is None:
            continue
        if by_machine(endpoint, inventory.authentication(endpoint).shows):
            continue
        if is_python(endpoint):
            yield from _of_python(inventory, endpoint)
        else:
            calls = inventory.reacher.reach(endpoint.handler, 1).calls
            lists = [e for e in effects(calls) if e.kind == READ and _LISTS.search(e.call.name) and _is_list(e)]
            if lists:
                yield _answer(inventory, endpoint, lists)


def _of_python(inventory: Inventory, endpoint: Endpoint) -> Iterator[Answer]:
    lists = list(python_lists(inventory.reacher, endpoint))
    found = next((each for each in lists if not each.bounded), None)
    if found is None:
        if lists:
            yield Answer(endpoint.subject, State.OK, "every list has a limit", endpoint.where)
        return
    open_to_all = inventory.authentication(endpoint).presence is Presence.ABSENT
    filtered = re.search(r"filter|where", found.written) is not None
    severity = Severity.MEDIUM if open_to_all and not filtered else Severity.LOW
    if _SMALL.search(found.model) or re.search(rf"{_OWN.pattern}|current_user|request\.user", found.written):
        severity = Severity.INFO
    place = FileSpan(found.path, line_of(found.node))
    detail = f"lists {found.model} without a limit"
    yield Answer(endpoint.subject, State.FAIL, detail, place, severity=severity, evidence=found.model)


def _is_list(effect: Effect) -> bool:
    """Counts, single rows and rows by their ids are no lists."""
    names = {name for name, _ in chained(effect.call.node)}
    written = " ".join(text_of(argument) for argument in arguments_of(effect.call.node))
    return not names & {"single", "maybeSingle"} and not _FEW.search(written)


def _answer(inventory: Inventory, endpoint: Endpoint, lists: list[Effect]) -> Answer:
    open_ones = [effect for effect in lists if not _bounded(effect)]
    if not open_ones:
        return Answer(endpoint.subject, State.OK, "every list has a limit", endpoint.where)
    effect = open_ones[0]
    place = FileSpan(effect.call.path, line_of(effect.call.node))
    detail = f"lists {effect.table or 'rows'} without a limit"
    severity = _severity(inventory, endpoint, effect)
    return Answer(endpoint.subject, State.FAIL, detail, place, severity=severity, evidence=effect.table)


def _bounded(effect: Effect) -> bool:
    if {name for name, _ in chained(effect.call.node)} & _BOUNDS:
        return True
    written = [argument for argument in arguments_of(effect.call.node) if argument.type != "object"]
    if effect.call.name.endswith(".findMany") and written:
        return True  # the arguments are made elsewhere
    return any(_TAKES.search(text_of(argument)) for argument in arguments_of(effect.call.node))


def _severity(inventory: Inventory, endpoint: Endpoint, effect: Effect) -> Severity:
    written = text_of(effect.call.node) + " ".join(name for name, _ in chained(effect.call.node))
    if _SMALL.search(effect.table) or _OWN.search(written):
        return Severity.INFO  # few by nature, or the caller's own
    open_to_all = inventory.authentication(endpoint).presence is Presence.ABSENT
    filtered = "where" in written or ".eq" in written or "eq" in {name for name, _ in chained(effect.call.node)}
    return Severity.MEDIUM if open_to_all and not filtered else Severity.LOW
