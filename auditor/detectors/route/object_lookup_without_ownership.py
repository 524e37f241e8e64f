"""Objects that are looked up by an id out of the request alone, whoever they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.audit_names import folded
from auditor.facts.effects import READ, WRITE, effects, supabase_table
from auditor.facts.lookups import by_service, caller_checked, caller_names, looked_up, owned_tables, request_names
from auditor.facts.purposes import by_machine
from auditor.facts.py_lookups import owned_models, python_lookup
from auditor.facts.py_routes import is_python
from auditor.facts.syntax import line_of
from auditor.facts.webhooks import receiver
from auditor.model import Answer, FileSpan, Presence, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository


def ask(repository: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    for path, reason in code.unread.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason)
    owned, models = owned_tables(repository), owned_models(code)
    for endpoint in inventory.endpoints:
        if endpoint.handler is not None and _asks_who(inventory, endpoint) and not receiver(inventory, endpoint):
            python = is_python(endpoint)
            answer = _of_python(inventory, endpoint, models) if python else _answer(inventory, endpoint, owned)
            if answer is not None:
                yield answer


def _asks_who(inventory: Inventory, endpoint: Endpoint) -> bool:
    """An endpoint for everybody has no owner to compare with; that it is one is another rule's finding."""
    found = inventory.authentication(endpoint)
    if by_machine(endpoint, found.shows):
        return False
    return found.presence is Presence.PRESENT or bool(found.presence is Presence.ABSENT and found.shows)


def _answer(inventory: Inventory, endpoint: Endpoint, owned: dict[str, bool]) -> Answer | None:
    assert endpoint.handler
    done = [effect for effect in effects(inventory.reacher.own(endpoint.handler)) if _matters(inventory, effect, owned)]
    if not done:
        return None
    names = request_names(inventory.reacher, endpoint.handler)
    callers = caller_names(inventory.reacher, endpoint.handler)
    alone = [effect for effect in done if looked_up(effect, names, callers)]
    if not alone:
        return Answer(endpoint.subject, State.OK, "rows are chosen together with their owner", endpoint.where)
    if caller_checked(inventory.reacher, endpoint, names, callers):
        return Answer(endpoint.subject, State.OK, "the code checks whose it is", endpoint.where)
    worst = next((effect for effect in alone if effect.kind == WRITE), alone[0])
    place = FileSpan(worst.call.path, line_of(worst.call.node))
    return _alone(endpoint, place, worst.table, writes=worst.kind == WRITE)


def _alone(endpoint: Endpoint, place: FileSpan, table: str, *, writes: bool) -> Answer:
    verb = "changes" if writes else "gives out"
    detail = f"{verb} a row of {table} by an id of the request alone: any caller may name somebody else's"
    severity = Severity.HIGH if writes else Severity.MEDIUM
    return Answer(endpoint.subject, State.FAIL, detail, place, severity=severity, evidence=table)


def _of_python(inventory: Inventory, endpoint: Endpoint, models: dict[str, bool]) -> Answer | None:
    asked, found = python_lookup(inventory.reacher, endpoint, models)
    if found is not None:
        return _alone(endpoint, FileSpan(found.path, line_of(found.node)), found.model, writes=found.changes)
    return (
        Answer(endpoint.subject, State.OK, "rows are tied to the caller, or checked", endpoint.where) if asked else None
    )


def _matters(inventory: Inventory, effect: Effect, owned: dict[str, bool]) -> bool:
    """A query on rows that belong to somebody, and that no policy of the database guards."""
    if effect.kind not in {READ, WRITE} or not owned.get(folded(effect.table), False):
        return False
    return supabase_table(effect.call.node) is None or by_service(inventory.reacher, effect)
