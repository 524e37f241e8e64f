"""Rows that are looked up by an id out of the request, and what ties them to the caller."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.audit_names import folded
from auditor.facts.bindings import FUNCTIONS, arguments_of, pattern_names, string_of
from auditor.facts.effects import chained
from auditor.facts.parameters import parameters
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of
from auditor.facts.tables import prisma_tables, sql_tables
from auditor.facts.units import is_example, is_test, is_vendored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tree_sitter import Node

    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.reach import Call, Reacher
    from auditor.facts.servers import Listed

_WHO = (
    r"user|owner|author|org|organi[sz]ation|workspace|team|tenant|account|member|membership|company|profile|customer"
    r"|creator"
)
OWNER = re.compile(rf"(?:^|_|[a-z](?=[A-Z]))(?:{_WHO})s?(?:_?id|_?uuid|$|_|[A-Z])|created_?by", re.IGNORECASE)
_PERSONAL = re.compile(rf"^(?:{_WHO})s?$", re.IGNORECASE)
_MAX_PART = 200  # characters: a longer expression makes something else of what it takes
_ID = re.compile(r"^(?:id|uuid|_id|\w+Id|\w+_id|\w+Uuid)$")
_REQUEST = re.compile(
    r"\breq(?:uest)?\.(?:param|query|params|valid|body|json|formData)\b|\bparams\b|\bparsedInput\b|\bsearchParams\b|\bctx\.params\b|\binput\."
)
_SESSION = re.compile(
    r"\bsession\b|\bc\.var\.|\bc\.get\(|\buser\b|\buserId\b|\bauth\b|\bctx\.|\blocals\.|\bcurrentUser\b|\bworkspace\b|\bteam\b",
)
_COMPARED = re.compile(
    rf"\.(?:\w*(?:{_WHO})(?:_?[iI]d)?|created_?[bB]y|email)\s*[!=]==?|\.some\("
    rf"|[!=]==?\s*[\w.?]*\.(?:\w*(?:{_WHO})(?:_?[iI]d)?|created_?[bB]y)\b",
    re.IGNORECASE,
)
_CHECKS = re.compile(
    r"(?:can|check|assert|ensure|verify|require|has|is|authori[sz]e|validate|with|get|throw_?if)_?\w*"
    r"(?:access|permission|owner|member|role|admin|allowed|scope|belongs|workspace|team|org|tenant|project|ability|policy)"
    r"|^authorize|^can$|permission|membership",
    re.IGNORECASE,
)
_TELLS = re.compile(r"record|audit|log|track|notify|send|emit|publish|revalidate|json$|capture", re.IGNORECASE)
_SERVICE = re.compile(r"SERVICE_?ROLE|SECRET_?KEY|sb_secret|service_role|serviceRole", re.IGNORECASE)


def owned_tables(repository: Listed) -> dict[str, bool]:
    """Folded names of tables and models, and whether their rows belong to somebody."""
    sql, found = {}, []
    for path in repository.files:
        if is_vendored(path) or is_test(path) or is_example(path):
            continue
        if path.endswith(".prisma"):
            found += list(prisma_tables(path, repository.text(path) or ""))
        elif path.endswith(".sql"):
            sql[path] = repository.text(path) or ""
    found += sql_tables(sql).values()
    owned: dict[str, bool] = {}
    for table in found:
        has = any(OWNER.search(column.code) for column in table.columns.values())
        for name in (folded(table.code), folded(table.name)):
            owned[name] = owned.get(name, False) or has or bool(_PERSONAL.match(table.code))
    return owned


def request_names(reacher: Reacher, handler: Site) -> frozenset[str]:
    """The variables of a handler that hold something out of the request."""
    names: set[str] = set()
    for pattern in parameters(handler.node) if handler.node.type in FUNCTIONS else ():
        if pattern.type == "object_pattern":
            names |= {
                local for local, key in pattern_names(pattern) if key in {"params", "searchParams", "parsedInput"}
            }
    for declarator in nodes(reacher.symbols.code.files[handler.path], handler.node, "variable_declarator"):
        value, name = declarator.child_by_field_name("value"), declarator.child_by_field_name("name")
        if value is None or name is None or value.type in FUNCTIONS:
            continue
        text = text_of(value)
        if (
            len(text) < _MAX_PART
            and (_REQUEST.search(text) or _mentions(text, names))
            and not re.search(r"\bprisma|\bdb\.", text)
        ):
            names |= {text_of(name)} if name.type == "identifier" else {local for local, _ in pattern_names(name)}
    return frozenset(names)


def caller_names(reacher: Reacher, handler: Site) -> frozenset[str]:
    """The variables that hold who calls: what a wrapper fills in (`({ workspace, params }) => …`), and parts of it."""
    patterns = parameters(handler.node) if handler.node.type in FUNCTIONS else ()
    given = {local for pattern in patterns if pattern.type == "object_pattern" for local, _ in pattern_names(pattern)}
    names = given - {"req", "request", "params", "searchParams", "parsedInput", "headers", "query", "body", "c"}
    for declarator in nodes(reacher.symbols.code.files[handler.path], handler.node, "variable_declarator"):
        value, name = declarator.child_by_field_name("value"), declarator.child_by_field_name("name")
        if value is None or name is None or value.type in FUNCTIONS or _REQUEST.search(text := text_of(value)):
            continue
        if len(text) < _MAX_PART and (_SESSION.search(text) or _mentions(text, names)):
            names |= {text_of(name)} if name.type == "identifier" else {local for local, _ in pattern_names(name)}
    return frozenset(names)


def looked_up(effect: Effect, names: frozenset[str], callers: frozenset[str]) -> bool:
    """Whether rows are chosen by an id out of the request and by nothing that ties them to the caller."""
    conditions = _prisma_conditions(effect) if not _is_chain(effect) else _chain_conditions(effect)
    if not conditions or any(OWNER.search(key) and not _ID.match(key) for key, _ in conditions):
        return False
    tied = any(OWNER.search(key) or _SESSION.search(value) or _mentions(value, callers) for key, value in conditions)
    by_id = [value for key, value in conditions if _ID.match(key)]
    return not tied and any(_REQUEST.search(value) or _mentions(value, names) for value in by_id)


def caller_checked(reacher: Reacher, endpoint: Endpoint, names: frozenset[str], callers: frozenset[str]) -> bool:
    """Whether the code compares the owner, or calls what is named for such a check or is given caller and id alike."""
    assert endpoint.handler
    if _compares(reacher.text(endpoint.handler), callers):
        return True
    if any(_CHECKS.search(text_of(guard.node)[:80]) for guard in endpoint.guards):
        return True
    calls = [call for call in reacher.own(endpoint.handler) if not _TELLS.search(call.last)]
    if any(_CHECKS.search(call.last) for call in calls if not _is_query(call.name)):
        return True
    return any(_ties(call, names, callers) for call in calls)


def _compares(text: str, callers: frozenset[str]) -> bool:
    if _COMPARED.search(text):
        return True
    names = "|".join(map(re.escape, sorted(callers)))
    return bool(names) and bool(re.search(rf"[!=]==?\s*(?:{names})\b|\b(?:{names})(?:\??\.\w+)*\s*[!=]==?", text))


def _ties(call: Call, names: frozenset[str], callers: frozenset[str]) -> bool:
    """Whether one call is given both who calls and an id of the request."""
    if re.search(r"\.(?:create|insert|upsert|values|update)\w*$", call.name):
        return False
    text = " ".join(text_of(argument) for argument in arguments_of(call.node) if argument.type not in FUNCTIONS)
    by_caller = _SESSION.search(text) or _mentions(text, callers)
    return bool(by_caller and (_REQUEST.search(text) or _mentions(text, names)))


def by_service(reacher: Reacher, effect: Effect) -> bool:
    """Whether a supabase-js query goes past row level security."""
    node: Node | None = effect.call.node
    while node is not None and node.type in {"call_expression", "member_expression", "await_expression"}:
        node = node.child_by_field_name("function") or node.child_by_field_name("object")
    if node is None:
        return False
    if re.search(r"admin|service", text_of(node), re.IGNORECASE):
        return True
    target = reacher.symbols.resolve(effect.call.path, node)
    if not isinstance(target, Site):
        return False
    return any(_SERVICE.search(reacher.text(body)) for body in reacher.reach(target, 1).bodies)


def _is_chain(effect: Effect) -> bool:
    return ".from(" in text_of(effect.call.node)


def _prisma_conditions(effect: Effect) -> list[tuple[str, str]]:
    given = arguments_of(effect.call.node)
    if not given or given[0].type != "object":
        return []
    for pair in given[0].named_children:
        value = pair.child_by_field_name("value")
        if text_of(pair.child_by_field_name("key")) == "where" and value is not None and value.type == "object":
            return list(_pairs(value))
    return []


def _pairs(value: Node) -> Iterable[tuple[str, str]]:
    for pair in value.named_children:
        if pair.type == "pair":
            yield text_of(pair.child_by_field_name("key")), text_of(pair.child_by_field_name("value"))
        elif pair.type == "shorthand_property_identifier":
            yield text_of(pair), text_of(pair)
        elif pair.type == "spread_element":
            yield "ownerOrMore", ""  # what is spread here may tie it to the caller


def _chain_conditions(effect: Effect) -> list[tuple[str, str]]:
    """`.eq('id', id)` and the like."""
    found = []
    for name, given in chained(effect.call.node):
        if name in {"eq", "in", "is", "filter", "or", "contains"} and len(given) > 1:
            found.append((string_of(given[0]) or "", text_of(given[-1])))
        elif name in {"match", "or", "filter"}:
            found.append(("ownerOrMore", ""))
    return found


def _mentions(text: str, names: Iterable[str]) -> bool:
    return not set(names).isdisjoint(re.findall(r"[A-Za-z_$][\w$]*", text))


def _is_query(name: str) -> bool:
    return bool(re.search(r"\bprisma\b|\bdb\.|\btx\.|\.from$|\.(?:find\w+|create|update|delete)\w*$", name))
