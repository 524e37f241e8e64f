"""Whether an endpoint ties the rows that it looks up to whoever calls, or checks whose they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.audit_names import folded
from auditor.facts.effects import READ, WRITE, effects, supabase_table
from auditor.facts.handed_on import handed_on
from auditor.facts.known_columns import known_columns, owned_tables
from auditor.facts.lookup_conditions import conditions
from auditor.facts.lookups import (
    by_service,
    caller_checked,
    caller_names,
    checks_parent,
    joined_to_caller,
    looked_up,
    request_names,
    ties,
)
from auditor.facts.method_branches import of_other_method
from auditor.facts.nested_rows import for_everybody, is_loose, nested
from auditor.facts.purposes import by_machine
from auditor.facts.py_lookups import model_columns, owned_models, python_lookup, python_nested
from auditor.facts.py_routes import is_python
from auditor.facts.refusals import compares_secret
from auditor.facts.sql_lookups import table_of
from auditor.facts.symbols import Site
from auditor.facts.syntax import line_of, text_of
from auditor.facts.tenant_checks import asked_as_caller, names_tenant, on_supabase, tenant_checked
from auditor.facts.webhooks import receiver
from auditor.model import Control, FileSpan, Presence

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.facts.lookup_conditions import Pairs
    from auditor.facts.reach import Reacher

# A header is compared with a secret of the environment: another machine of ours calls.
_OWN_SECRET = re.compile(
    r"[!=]==?\s*(?:[\"'`]\w*\s*\$\{\s*)?(?:process\.env|import\.meta\.env|\w*[eE]nv\(\)|c\.env|env|Bun\.env|Deno\.env)[.\[(]"
)
_SIGNS_IN = re.compile(
    r"(?:auth|getServerSession|getSession|(?:get)?[cC]urrentUser|require(?:Auth|User)|isAuthenticated|verifyToken|authMiddleware"
    r"|authenticate(?:Token|User|JWT)?|(?:Jwt|JWT)?AuthGuard)\b(?!\.)"
)
_AROUND = {"await_expression", "parenthesized_expression", "as_expression", "satisfies_expression"}


@dataclass(frozen=True, slots=True)
class Owners:
    """Folded names of tables and models whose rows belong to somebody; `models` are those of Python.

    `columns` and `fields` are all that the tables and models have.
    """

    tables: dict[str, bool]
    models: dict[str, bool]
    columns: dict[str, set[str]]
    fields: dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class Alone:
    """A row that is chosen by an id of the request and by nothing else; `parent`: what was asked for in its place."""

    where: FileSpan
    table: str
    writes: bool
    parent: str = ""


def ownership(inventory: Inventory, endpoint: Endpoint) -> tuple[Control, Alone | None]:
    """Whether rows are tied to the caller; not applicable where none is looked up, or where there is no caller."""
    memory = inventory.reacher.memory
    if (key := ("ownership", endpoint)) not in memory:
        memory[key] = _ownership(inventory, endpoint, _owners(inventory))
    found: tuple[Control, Alone | None] = memory[key]
    return found


def _owners(inventory: Inventory) -> Owners:
    memory, code = inventory.reacher.lasting, inventory.reacher.symbols.code
    if "owners" not in memory:
        columns = known_columns(inventory.given, code)
        memory["owners"] = Owners(owned_tables(columns), owned_models(code), columns, model_columns(code))
    found: Owners = memory["owners"]
    return found


def _ownership(inventory: Inventory, endpoint: Endpoint, owners: Owners) -> tuple[Control, Alone | None]:
    nothing = Control(Presence.NOT_APPLICABLE), None
    if endpoint.handler is None or not _asks_who(inventory, endpoint) or receiver(inventory, endpoint):
        return nothing
    found = _by_caller(inventory, endpoint, owners)
    below = _below(inventory, endpoint, owners) if found[1] is None else None
    return (Control(Presence.ABSENT, below.table), below) if below is not None else found


def _by_caller(inventory: Inventory, endpoint: Endpoint, owners: Owners) -> tuple[Control, Alone | None]:
    nothing = Control(Presence.NOT_APPLICABLE), None
    if is_python(endpoint):
        asked, found = python_lookup(inventory.reacher, endpoint, owners.models)
        if found is not None:
            place = FileSpan(found.path, line_of(found.node))
            return Control(Presence.ABSENT, found.model), Alone(place, found.model, found.changes)
        return (Control(Presence.PRESENT, "rows are tied to the caller, or checked"), None) if asked else nothing
    return _tied(inventory, endpoint, owners.tables)


def _below(inventory: Inventory, endpoint: Endpoint, owners: Owners) -> Alone | None:
    """A row that is found by its own id, where only the parent before it in the address is asked for."""
    reacher, handler = inventory.reacher, endpoint.handler
    if is_python(endpoint):
        row = python_nested(reacher, endpoint, owners.fields)
        of = nested(endpoint.path, owners.fields[folded(row.model)]) if row is not None else None
        if row is None or of is None:
            return None
        return Alone(FileSpan(row.path, line_of(row.node)), row.model, row.changes, of.parent)
    below = {name: True for name, found in owners.columns.items() if nested(endpoint.path, found)}
    if (
        handler is None
        or not below
        or endpoint.method == "ACTION"
        or for_everybody(text_of(guard.node) for guard in endpoint.guards)
    ):
        return None
    names, callers = request_names(reacher, handler), caller_names(reacher, handler)
    language, text = reacher.symbols.code.files[handler.path], inventory.text(endpoint)
    own = [effect for effect in _done(inventory, endpoint) if _matters(inventory, effect, below)]
    found = [
        (effect.call, effect)
        for effect in own
        if looked_up(conditions(effect, language), names, frozenset()) and not _only_asked_for(effect, text)
    ]
    further = handed_on(reacher, handler, names, callers, lambda effect: _matters(inventory, effect, below))
    served = [each for each in further if not of_other_method(each.call.node, endpoint.method)]
    found += [(each.call, each.effect) for each in served if each.alone]
    for call, effect in sorted(found, key=lambda pair: pair[1].kind != WRITE):
        table = effect.table or table_of(effect.call.node)
        of = nested(endpoint.path, owners.columns.get(folded(table), ()))
        if (
            of is None
            or not _by_own_id(conditions(effect, language), table)
            or not checks_parent(reacher, endpoint, of.parent)
            or any(_judged_by(reacher, guard, of.row) for guard in endpoint.guards)
        ):
            continue
        beside = [each for each in reacher.own(handler) if each.node != call.node]
        if any(ties(each, names, callers) and of.row in re.findall(r"\w+", text_of(each.node)) for each in beside):
            continue
        others = [(each.name, text_of(each.node)) for each in beside]
        rows = {_held(each.node) for each, _ in found} - {""}
        if is_loose(of, text_of(call.node), text, others, rows):
            place = FileSpan(effect.call.path, line_of(effect.call.node))
            return Alone(place, table, effect.kind == WRITE, of.parent)
    return None


def _tied(inventory: Inventory, endpoint: Endpoint, owned: dict[str, bool]) -> tuple[Control, Alone | None]:
    assert endpoint.handler
    reacher, handler = inventory.reacher, endpoint.handler
    names, callers = request_names(reacher, handler), caller_names(reacher, handler)
    language, text = reacher.symbols.code.files[handler.path], inventory.text(endpoint)
    own = [effect for effect in _done(inventory, endpoint) if _matters(inventory, effect, owned)]
    asked = _asked_with_caller(inventory, endpoint, names, callers)
    alone = [
        effect
        for effect in own
        if looked_up(conditions(effect, language), names, callers, past_policies=on_supabase(effect))
        and not _only_asked_for(effect, text)
        and not any(asked & set(re.findall(r"\w+", value)) for _, value in conditions(effect, language))
    ]
    handed = handed_on(reacher, handler, names, callers, lambda effect: _matters(inventory, effect, owned))
    further = [each for each in handed if not of_other_method(each.call.node, endpoint.method)]
    apart = [each for each in further if each.alone and not asked & set(re.findall(r"\w+", text_of(each.call.node)))]
    found = [*alone, *(each.effect for each in apart)]
    if not own and not further:
        return Control(Presence.NOT_APPLICABLE), None
    if not found:
        return Control(Presence.PRESENT, "rows are chosen together with their owner"), None
    calls = [*(effect.call for effect in alone), *(each.call for each in apart)]
    rows = frozenset({_held(call.node) for call in calls} - {""})
    by_tenant = all(names_tenant(conditions(effect, language), names) for effect in alone) and not apart
    if caller_checked(reacher, endpoint, names, callers, rows) or (
        by_tenant and tenant_checked(reacher, handler, names)
    ):
        return Control(Presence.PRESENT, "the code checks whose it is"), None
    worst = next((effect for effect in found if effect.kind == WRITE), found[0])
    place, table = FileSpan(worst.call.path, line_of(worst.call.node)), worst.table or table_of(worst.call.node)
    return Control(Presence.ABSENT, table), Alone(place, table, worst.kind == WRITE)


def _judged_by(reacher: Reacher, guard: Site, row: str) -> bool:
    """Whether a middleware looks at the row's own id."""
    found = reacher.symbols.resolve(guard.path, guard.node)
    bodies = reacher.reach(found, 1).bodies if isinstance(found, Site) else []
    return any(re.search(rf"\b{row}\b", reacher.text(body)) for body in (guard, *bodies))


def _by_own_id(chosen: Pairs, table: str) -> bool:
    """Whether a query asks for the row that an id is of, and not for rows that refer to it."""
    return any(key in {"id", "_id", "uuid"} or folded(key) == f"{folded(table)}id" for key, _ in chosen)


def _asked_with_caller(
    inventory: Inventory, endpoint: Endpoint, names: frozenset[str], callers: frozenset[str]
) -> frozenset[str]:
    """The ids of the request that a query of the handler joins to whoever calls: their membership is asked for."""
    assert endpoint.handler
    language = inventory.reacher.symbols.code.files[endpoint.handler.path]
    done = effects(inventory.reacher.own(endpoint.handler))
    chosen = [(effect, conditions(effect, language)) for effect in done if effect.kind == READ]
    joined = {name for _, pairs in chosen for name in joined_to_caller(pairs, names, callers)}
    return frozenset(joined) | asked_as_caller(inventory.reacher, chosen, names)


def _done(inventory: Inventory, endpoint: Endpoint) -> list[Effect]:
    """What the handler does itself when it is asked by the endpoint's method."""
    assert endpoint.handler
    done = effects(inventory.reacher.own(endpoint.handler))
    return [effect for effect in done if not of_other_method(effect.call.node, endpoint.method)]


def _asks_who(inventory: Inventory, endpoint: Endpoint) -> bool:
    """An endpoint for everybody has no owner to compare with; that it is one is another rule's finding."""
    found = inventory.authentication(endpoint)
    if by_machine(endpoint, found.shows) or "in constant time" in found.shows:
        return False
    if _OWN_SECRET.search(inventory.text(endpoint)) or _by_own_secret(inventory, endpoint, found.shows):
        return False
    if found.presence is Presence.UNRESOLVED:  # what is named so asks who calls, and for no more than that
        return _SIGNS_IN.match(found.shows) is not None
    return found.presence is Presence.PRESENT or bool(found.shows)


def _by_own_secret(inventory: Inventory, endpoint: Endpoint, shows: str) -> bool:
    """Whether the credential that is asked for is one that the environment holds, the same for everybody who calls."""
    if endpoint.handler is None or "without a credential" not in shows:
        return False
    reacher = inventory.reacher
    return any(reacher.says(body, _compares_setting) for body in reacher.reach(endpoint.handler, 3).bodies)


def _compares_setting(text: str) -> bool:
    compared = re.search(r"\btimingSafeEqual\([^;]{0,200}?\benv\.\w*(?:KEY|SECRET|TOKEN)", text)
    return bool(compared or compares_secret(text).endswith("of its environment"))


def _matters(inventory: Inventory, effect: Effect, owned: dict[str, bool]) -> bool:
    """A query on rows that belong to somebody, and that no policy of the database guards."""
    table = effect.table or table_of(effect.call.node)
    named = folded(re.sub(r"_?(?:[mM]odel|Collection)$", "", table)) or folded(table)
    if effect.kind not in {READ, WRITE} or not owned.get(named, owned.get(folded(table), False)):
        return False
    return supabase_table(effect.call.node) is None or by_service(inventory.reacher, effect)


def _held(call: Node) -> str:
    """The variable that the result of a call is given to; empty where it is taken apart or given to none."""
    holder = call.parent
    while holder is not None and holder.type in _AROUND:
        holder = holder.parent
    name = holder.child_by_field_name("name") if holder is not None and holder.type == "variable_declarator" else None
    return text_of(name) if name is not None and name.type == "identifier" else ""


def _only_asked_for(effect: Effect, text: str) -> bool:
    """Whether a row is read to learn that it is there, and nothing of it is used: `if (!user) return notFound()`."""
    name = _held(effect.call.node)
    if effect.kind != READ or not name:
        return False
    named = re.escape(name)
    absent = len(re.findall(rf"(?:\(|&&|\|\|)\s*!\s*{named}\s*(?=\)|&&|\|\|)", text))
    return absent > 0 and len(re.findall(rf"(?<![\w$.]){named}(?![\w$])", text)) == absent + 1
