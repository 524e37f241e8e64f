"""Whether an endpoint ties the rows that it looks up to whoever calls, or checks whose they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.audit_names import folded
from auditor.facts.effects import READ, WRITE, effects, supabase_table
from auditor.facts.lookups import by_service, caller_checked, caller_names, looked_up, request_names
from auditor.facts.purposes import by_machine
from auditor.facts.py_lookups import python_lookup
from auditor.facts.py_routes import is_python
from auditor.facts.syntax import line_of, text_of
from auditor.facts.webhooks import receiver
from auditor.model import Control, FileSpan, Presence

if TYPE_CHECKING:
    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory

_AROUND = {"await_expression", "parenthesized_expression", "as_expression", "satisfies_expression"}


@dataclass(frozen=True, slots=True)
class Owners:
    """Folded names of tables and models whose rows belong to somebody; `models` are those of Python."""

    tables: dict[str, bool]
    models: dict[str, bool]


@dataclass(frozen=True, slots=True)
class Alone:
    """A row that is chosen by an id of the request and by nothing else."""

    where: FileSpan
    table: str
    writes: bool


def ownership(inventory: Inventory, endpoint: Endpoint, owners: Owners) -> tuple[Control, Alone | None]:
    """Whether rows are tied to the caller; not applicable where none is looked up, or where there is no caller."""
    nothing = Control(Presence.NOT_APPLICABLE), None
    if endpoint.handler is None or not _asks_who(inventory, endpoint) or receiver(inventory, endpoint):
        return nothing
    if is_python(endpoint):
        asked, found = python_lookup(inventory.reacher, endpoint, owners.models)
        if found is not None:
            place = FileSpan(found.path, line_of(found.node))
            return Control(Presence.ABSENT, found.model), Alone(place, found.model, found.changes)
        return (Control(Presence.PRESENT, "rows are tied to the caller, or checked"), None) if asked else nothing
    done = effects(inventory.reacher.own(endpoint.handler))
    asked_for = [effect for effect in done if _matters(inventory, effect, owners.tables)]
    return _tied(inventory, endpoint, asked_for) if asked_for else nothing


def _tied(inventory: Inventory, endpoint: Endpoint, done: list[Effect]) -> tuple[Control, Alone | None]:
    assert endpoint.handler
    names = request_names(inventory.reacher, endpoint.handler)
    callers = caller_names(inventory.reacher, endpoint.handler)
    text = inventory.text(endpoint)
    alone = [effect for effect in done if looked_up(effect, names, callers) and not _only_asked_for(effect, text)]
    if not alone:
        return Control(Presence.PRESENT, "rows are chosen together with their owner"), None
    if caller_checked(inventory.reacher, endpoint, names, callers):
        return Control(Presence.PRESENT, "the code checks whose it is"), None
    worst = next((effect for effect in alone if effect.kind == WRITE), alone[0])
    place = FileSpan(worst.call.path, line_of(worst.call.node))
    return Control(Presence.ABSENT, worst.table), Alone(place, worst.table, worst.kind == WRITE)


def _asks_who(inventory: Inventory, endpoint: Endpoint) -> bool:
    """An endpoint for everybody has no owner to compare with; that it is one is another rule's finding."""
    found = inventory.authentication(endpoint)
    if by_machine(endpoint, found.shows):
        return False
    return found.presence is Presence.PRESENT or bool(found.presence is Presence.ABSENT and found.shows)


def _matters(inventory: Inventory, effect: Effect, owned: dict[str, bool]) -> bool:
    """A query on rows that belong to somebody, and that no policy of the database guards."""
    if effect.kind not in {READ, WRITE} or not owned.get(folded(effect.table), False):
        return False
    return supabase_table(effect.call.node) is None or by_service(inventory.reacher, effect)


def _only_asked_for(effect: Effect, text: str) -> bool:
    """Whether a row is read to learn that it is there, and nothing of it is used: `if (!user) return notFound()`."""
    holder = effect.call.node.parent
    while holder is not None and holder.type in _AROUND:
        holder = holder.parent
    name = holder.child_by_field_name("name") if holder is not None and holder.type == "variable_declarator" else None
    if effect.kind != READ or name is None or name.type != "identifier":
        return False
    named = re.escape(text_of(name))
    absent = len(re.findall(rf"(?:\(|&&|\|\|)\s*!\s*{named}\s*(?=\)|&&|\|\|)", text))
    return absent > 0 and len(re.findall(rf"(?<![\w$.]){named}(?![\w$])", text)) == absent + 1
