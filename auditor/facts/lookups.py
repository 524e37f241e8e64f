"""Rows that are looked up by an id out of the request, and what ties them to the caller."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, pattern_names
from auditor.facts.nested_rows import judges
from auditor.facts.parameters import parameters
from auditor.facts.refusals import refuses
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tree_sitter import Node

    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.lookup_conditions import Pairs
    from auditor.facts.reach import Call, Reacher

WHO = (
    r"user|owner|author|org|organi[sz]ation|workspace|team|tenant|account|member|membership|company|profile|customer"
    r"|creator"
)
OWNER = re.compile(rf"(?:^|_|[a-z](?=[A-Z]))(?:{WHO})s?(?:_?id|_?uuid|$|_|[A-Z])|created_?by", re.IGNORECASE)
_MAX_PART = 200  # characters: a longer expression makes something else of what it takes
_ID = re.compile(r"^(?:id|uuid|_id|\w+Id|\w+_id|\w+Uuid)$")
# An owner that the request itself names ties nothing to whoever calls.
_PERSON = re.compile(r"^(?:user|owner|customer|account)_?id$", re.IGNORECASE)
_NAMED = re.compile(rf"^(?:{WHO})_?(?:id|uuid)$", re.IGNORECASE)
_OF_PATH = re.compile(r"(?:\b\w+\s*:\s*)?\b(?:(?:req(?:uest)?|ctx)\.(?:params|query|body)|params)\.\w+")
_REQUEST = re.compile(
    r"\breq(?:uest)?\.(?:param|query|params|valid|body|json|formData)\b|\bparams\b|\bparsedInput\b|\bsearchParams\b|\bctx\.params\b|\binput\."
)
_SESSION = re.compile(
    r"\bsession\b|\bc\.var\.|\bc\.get\(|\buser\b|\buserId\b|\bauth\b|\bctx\.|\blocals\.|\bcurrentUser\b|\bworkspace\b|\bteam\b",
)
_COMPARED = re.compile(
    rf"\.(?:\w*(?:{WHO})(?:_?[iI]d)?|created_?[bB]y|email)\s*[!=]==?|\.some\("
    rf"|[!=]==?\s*[\w.?]*\.(?:\w*(?:{WHO})(?:_?[iI]d)?|created_?[bB]y)\b|\.\w*(?:{WHO})\w*\.equals\(",
    re.IGNORECASE,
)
# `if (session.isAdmin) { … }`, which asks of the caller and not of the row.
_ADMIN_ASKED = re.compile(
    r"\bif\s*\([^(){}]{0,80}?\b\w*(?:session|user|caller|auth|account|\bme)[!?]?(?:\.\w+[!?]?)?\.is_?(?:super_?)?admin\b",
    re.IGNORECASE,
)
_CHECKS = re.compile(
    r"(?:can|check|assert|ensure|verify|require|has|is|authori[sz]e|validate|with|get|throw_?if)_?\w*"
    r"(?:access|permission|owner|member|role|admin|allowed|scope|belongs|workspace|team|org|tenant|project|ability|policy)"
    r"|^authorize|^can$|permission|membership",
    re.IGNORECASE,
)
# What a visitor's session opens, and what a tenant shows to its customers.
_OFFERED = re.compile(r"session|^(?:is_?)?(?:active|available|enabled|listed)$", re.IGNORECASE)
# In an edge function no middleware stands before it that could have set the header.
_TENANT_SENT = re.compile(rf"headers\.get\(\s*[\"'`]x-(?:{WHO})(?:-?id)?[\"'`]\s*\)", re.IGNORECASE)
# A middleware that looks for the caller's own membership of what the request names.
_MEMBERSHIP = re.compile(
    r"\b(?:user|member|owner|account)_?[iI]d\b\s*(?::|,)\s*[\w.?!]*\b(?:session|user|auth|currentUser)\b[\w.?!]*"
)
_NAMED_BY_REQUEST = re.compile(r"\binput\b|\bparams\b|\breq(?:uest)?\.(?:body|query|param)")
# What a query gives is none of the request's data, nor a row that a token or code of the request opens.
_QUERIED = re.compile(
    r"\bprisma|\bdb\.|\.eq\(\s*[\"'`]\w*(?:oauth_?state|token|code|hash|secret|nonce)\w*[\"'`]|\bwhere:\s*\{\s*\w*(?:token|code|hash|secret)\b",
    re.IGNORECASE,
)
_SHARED = re.compile(r"public|publish|shared?\b|visib|token|secret|hash|slug|code$", re.IGNORECASE)
_BY_TOKEN = re.compile(
    r"\b(?:timingSafeEqual|\w*(?:matching|verify|valid|check|compare)\w*(?:token|hash|signature))\s*\(", re.IGNORECASE
)
_JUDGES = re.compile(r"_?(?:can|check|assert|ensure|verify|authori[sz]e|validate|is|has)(?:$|_|[A-Z])")
_ROLE = re.compile(r"member|role|admin|owner|permission|polic|access(?!_?token)|abilit|allowed", re.IGNORECASE)
_ASKS_ROLE = re.compile(r"\bis_?(?:super_?)?admin\b|\broles?\b|\bpermissions?\b|\.can\(", re.IGNORECASE)
# `auth("manageUsers")`, `authorize(["admin"])`, and not `passport.authenticate("jwt")`.
_NAMED_RIGHT = re.compile(
    r"(?:\w+\.)*(?:auth|authori[sz]e\w*|require\w*|check\w*|allow\w*|can|has\w*|acl|grant\w*|restrict\w*|permit\w*|protect|guard)"
    r"\(\s*\[?\s*[\"'](?!(?:jwt|local|session|bearer|basic|google|github|user|api)\b)",
    re.IGNORECASE,
)
_MAX_HEAD = 80  # characters: the name of a function or class
_TELLS = re.compile(r"record|audit|log|track|notify|send|emit|publish|revalidate|json$|capture", re.IGNORECASE)
_OF_REQUEST = {"params", "searchParams", "parsedInput", "input", "args", "_args"}
_TAKES = re.compile(r"@(?:Param|Body|Query|Args|Params|BodyParam|QueryParam|Path)\b")
_IS_CALLER = re.compile(r"@\w*(?:User|Auth|Session|Account|Workspace|Organi[sz]ation|Team|Tenant|Member|Jwt)\w*\b")
_CONTEXT = re.compile(r"(?:_?_?(?:ctx|context|contextValue)\b|\{)")
_OPTION = re.compile(r"\b(\w*(?:[sS]ervice|[aA]dmin|[bB]ypass)\w*)\s*(?::\s*boolean\s*)?=\s*false\b")
_SERVICE = re.compile(r"SERVICE_?ROLE|SECRET_?KEY|sb_secret|service_role|serviceRole", re.IGNORECASE)


def request_names(reacher: Reacher, handler: Site, known: frozenset[str] = frozenset()) -> frozenset[str]:
    """The variables of a handler that hold something out of the request; of those in `known` that is known before."""
    names = set(known or _given(handler))
    for declarator, value in _declared(reacher, handler):
        text = text_of(value)
        sent = from_request(text, names) or (_TENANT_SENT.search(text) and "/functions/" in handler.path)
        if len(text) < _MAX_PART and sent and not _QUERIED.search(text):
            names |= _names(declarator)
    return frozenset(names)


def _given(handler: Site) -> Iterator[str]:
    """The parameters of a handler that its framework fills with the request."""
    patterns = parameters(handler.node) if handler.node.type in FUNCTIONS else []
    for index, pattern in enumerate(patterns):
        if (_is_resolver(patterns) and index == 1) or _decorated(pattern, _TAKES):
            yield from _names(pattern)
        elif pattern.type == "object_pattern":
            yield from (local for local, key in pattern_names(pattern) if key in _OF_REQUEST)
        elif text_of(pattern) in _OF_REQUEST:
            yield text_of(pattern)


def _is_resolver(patterns: list[Node]) -> bool:
    """`(parent, args, context)` of GraphQL."""
    return len(patterns) > 2 and bool(_CONTEXT.match(text_of(patterns[2])))  # noqa: PLR2004 - the third is the context


def _decorated(pattern: Node, by: re.Pattern[str]) -> bool:
    holder = pattern.parent
    return holder is not None and any(by.match(text_of(part)) for part in holder.named_children)


def caller_names(reacher: Reacher, handler: Site) -> frozenset[str]:
    """The variables that hold who calls: what a wrapper fills in (`({ workspace, params }) => …`), and parts of it."""
    patterns = parameters(handler.node) if handler.node.type in FUNCTIONS else ()
    given = {local for pattern in patterns if pattern.type == "object_pattern" for local, _ in pattern_names(pattern)}
    names = given - {*_given(handler), "req", "request", "headers", "query", "body", "c"}
    names |= {name for pattern in patterns if _decorated(pattern, _IS_CALLER) for name in _names(pattern)}
    return session_names(reacher, handler, frozenset(names))


def session_names(reacher: Reacher, handler: Site, known: frozenset[str] = frozenset()) -> frozenset[str]:
    """The variables that hold something of the session, with those that are known to."""
    names = set(known)
    for declarator, value in _declared(reacher, handler):
        text = text_of(value)
        if len(text) < _MAX_PART and not _REQUEST.search(text) and (_SESSION.search(text) or _mentions(text, names)):
            names |= _names(declarator)
    return frozenset(names)


def _declared(reacher: Reacher, handler: Site) -> Iterator[tuple[Node, Node]]:
    for declarator in nodes(reacher.symbols.code.files[handler.path], handler.node, "variable_declarator"):
        value, name = declarator.child_by_field_name("value"), declarator.child_by_field_name("name")
        if value is not None and name is not None and value.type not in FUNCTIONS:
            yield name, value


def _names(pattern: Node) -> set[str]:
    return {text_of(pattern)} if pattern.type == "identifier" else {local for local, _ in pattern_names(pattern)}


def from_request(text: str, names: Iterable[str]) -> bool:
    """Whether an expression holds something of the request."""
    return bool(_REQUEST.search(text)) or _mentions(text, names)


def looked_up(chosen: Pairs, names: frozenset[str], callers: frozenset[str], *, past_policies: bool = False) -> bool:
    """Whether rows are chosen by an id out of the request and by nothing that ties them to the caller.

    Past row level security a tenant that the request names ties nothing either; elsewhere middleware may have asked.
    """
    if (
        not chosen
        or any(_SHARED.search(key) for key, _ in chosen)
        or any(OWNER.search(key) and not _ID.match(key) for key, _ in chosen)
    ):
        return False
    opened = any(_OFFERED.search(key) for key, _ in chosen)
    named = _NAMED if past_policies and not opened else _PERSON
    tied = any(
        (OWNER.search(key) and not (named.match(key) and from_request(value, names)))
        or _of_session(value, names)
        or _mentions(value, callers)
        for key, value in chosen
    )
    by_id = [value for key, value in chosen if _ID.match(key)]
    return not tied and any(from_request(value, names) for value in by_id)


def joined_to_caller(chosen: Pairs, names: frozenset[str], callers: frozenset[str]) -> frozenset[str]:
    """What of the request a query asks for together with whoever calls: `.eq("team", team).eq("user_id", user.id)`."""
    if not any(_of_session(value, names) or _mentions(value, callers) for _, value in chosen):
        return frozenset()
    return frozenset(name for name in names for _, value in chosen if _mentions(value, {name}))


def _of_session(text: str, names: frozenset[str]) -> bool:
    """Whether an expression holds something of the session, and not only an owner that the request names."""
    if own := [name for name in names if _PERSON.match(name)]:
        text = re.sub(rf"\b(?:{'|'.join(own)})\b", "", text)
    return _SESSION.search(_OF_PATH.sub("", text)) is not None


def caller_checked(
    reacher: Reacher, endpoint: Endpoint, names: frozenset[str], callers: frozenset[str], rows: frozenset[str]
) -> bool:
    """Whether the code compares the owner, or calls what is named for such a check, is given caller and id alike, or
    judges one of the `rows`.
    """
    assert endpoint.handler
    text = reacher.text(endpoint.handler)
    if _compares(text, callers) or _ADMIN_ASKED.search(text):
        return True
    if any(_guards_rows(reacher, guard) for guard in endpoint.guards):
        return True
    calls = [call for call in reacher.own(endpoint.handler) if not _TELLS.search(call.last)]
    if any(_CHECKS.search(call.last) or _asks_database(call) for call in calls if not _is_query(call.name)):
        return True
    if any(_JUDGES.match(call.last) and _mentions(_given_to(call), rows) for call in calls):
        return True
    return any(ties(call, names, callers) for call in calls)


def checks_parent(reacher: Reacher, endpoint: Endpoint, parent: str) -> bool:
    """Whether the code, or a middleware before it, asks whether the caller may see what a parameter names."""
    assert endpoint.handler
    if any(_guards_rows(reacher, guard) for guard in endpoint.guards):
        return True
    asked = (call for call in reacher.own(endpoint.handler) if not _TELLS.search(call.last))
    return any(_mentions(_given_to(call), {parent}) and (judges(call.name) or _is_query(call.name)) for call in asked)


def _asks_database(call: Call) -> bool:
    """`client.rpc("authorize_connection", { … })`: a function of the database that is named for a check."""
    given = arguments_of(call.node) if call.last == "rpc" else []
    return bool(given) and (_CHECKS.search(name := text_of(given[0]).strip("\"'`")) or judges(name)) is not None


def _guards_rows(reacher: Reacher, guard: Site) -> bool:
    """Whether a middleware asks for more than a sign-in: a role, a permission, a membership."""
    head = text_of(guard.node)[:_MAX_HEAD]
    if guard.node.type == "call_expression" and _NAMED_RIGHT.match(head):
        return True
    text = reacher.text(guard)
    if _MEMBERSHIP.search(text) and _NAMED_BY_REQUEST.search(text) and refuses(text):
        return True
    named = PurePosixPath(guard.path).name if guard.node.type == "method_definition" else head
    return bool(_CHECKS.search(named) or _ROLE.search(named) or _ASKS_ROLE.search(text))


def _compares(text: str, callers: frozenset[str]) -> bool:
    if _COMPARED.search(text):
        return True
    names = "|".join(map(re.escape, sorted(callers)))
    return bool(names) and bool(re.search(rf"[!=]==?\s*(?:{names})\b|\b(?:{names})(?:\??\.\w+)*\s*[!=]==?", text))


def checks_within(reacher: Reacher, function: Site) -> bool:
    """Whether a function compares an owner or a token that only its owner was sent, or calls what checks that."""
    if _COMPARED.search(text := reacher.text(function)) or _BY_TOKEN.search(text):
        return True
    return any(_CHECKS.search(call.last) for call in reacher.own(function) if not _is_query(call.name))


def ties(call: Call, names: frozenset[str], callers: frozenset[str]) -> bool:
    """Whether one call is given both who calls and an id of the request."""
    if re.search(r"\.(?:create|insert|upsert|values|update)\w*$", call.name):
        return False
    text = _given_to(call)
    by_caller = _of_session(text, names) or _mentions(text, callers)
    return bool(by_caller and from_request(text, names))


def _given_to(call: Call) -> str:
    return " ".join(text_of(argument) for argument in arguments_of(call.node) if argument.type not in FUNCTIONS)


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
    bodies = [reacher.text(body) for body in reacher.reach(target, 1).bodies]
    return any(_SERVICE.search(text) and not _on_demand(text, text_of(target.node)) for text in bodies)


def _on_demand(factory: str, call: str) -> bool:
    """Whether a client goes past policies only where its caller says so, which this one does not."""
    option = _OPTION.search(factory)
    return option is not None and option[1] not in call


def _mentions(text: str, names: Iterable[str]) -> bool:
    return not set(names).isdisjoint(re.findall(r"[A-Za-z_$][\w$]*", text))


def _is_query(name: str) -> bool:
    return bool(re.search(r"\bprisma\b|\bdb\.|\btx\.|\.from$|\.(?:find\w+|create|update|delete)\w*$", name))
