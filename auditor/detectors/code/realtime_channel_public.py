"""Channels of Supabase Realtime that carry what belongs to a user or tenant, and that anybody may join."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from auditor.facts.realtime_channels import joining_files, joins, privacy
from auditor.facts.sites import outermost_function, span_of, stripped, subject_of
from auditor.facts.syntax import text_of, walk
from auditor.model import Answer, Presence, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.realtime_channels import Join
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

# Where nobody signs in, a channel for everybody is what there is.
_SIGNS_IN = re.compile(
    r"\.auth\s*\.\s*(?:getUser|getSession|getClaims|onAuthStateChange|signIn\w*|signUp)\b"
    r"|\b(?:useUser|useAuth|useSession|getServerSession|currentUser)\s*\("
)
_ID = re.compile(r"(?:^|_)(?:id|uid|uuid|slug|username|email)$|[a-z](?:Id|ID|Uid|Uuid|UUID|Slug|Username|Email)$")
# Ids of what runs, which keep two subscriptions apart and belong to nobody.
_OF_A_RUN = re.compile(
    r"^(?:instance|client|tab|window|session|device|request|connection|socket|peer|random|unique|subscription|channel"
    r"|hook|component|effect|mount|use)_?(?:Id|ID|id|uid|uuid)$"
)
_RANDOM = re.compile(r"\b(?:randomUUID|nanoid|uuid(?:v4)?|useId|ulid|cuid|createId|random|now)\s*\(")
_READS = re.compile(r"\.from\(\s*[\"'`]|\bprisma\.\w+\.\w+\(|\b(?:db|tx)\.(?:select|insert|update|query)\b")
_HOLDS = re.compile(r"^(?:\[\s*|\{\s*(?:data\s*:\s*|(?=data\b)))?(\w+)")
_NAMES = {"identifier", "property_identifier"}
_OPEN = "anybody who has the public key may join, listen and send: the channel is not private, and "


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    paths = joining_files(code)
    if not paths or not any(_SIGNS_IN.search(code.text(path)) for path in code.files):
        return
    for path in paths:
        seen: Counter[str] = Counter()
        for join in joins(code, path):
            if join.kinds != {"postgres_changes"}:
                yield _answer(path, join, subject_of("channel", path, join.call, seen))


def _answer(path: str, join: Join, subject: str) -> Answer:
    where, said = span_of(path, join.place), privacy(join)
    if said.presence is Presence.PRESENT:
        return Answer(subject, State.OK, said.shows, where)
    fault, severity = _fault(join)
    if not fault:
        return Answer(subject, State.OK, "nothing in it is seen to belong to a user or a tenant", where)
    if said.presence is Presence.UNRESOLVED:
        return Answer(subject, State.UNKNOWN, said.shows, where)
    return Answer(subject, State.FAIL, _OPEN + fault, where, severity=severity, evidence="public channel")


def _fault(join: Join) -> tuple[str, Severity | None]:
    """What the channel carries that is somebody's own; empty where nothing of the kind is seen."""
    if identity := _identity(join.topic, outermost_function(join.call)):
        carried = " and ".join(sorted(join.kinds - {"postgres_changes"}))
        severity = Severity.MEDIUM if "broadcast" in join.kinds else Severity.LOW
        return f"its name is built from {identity}: {carried} of that one alone", severity
    if "broadcast" in join.kinds and (row := _sent_row(outermost_function(join.call))):
        return f"'{row}', which the database answered, is sent over it", Severity.LOW
    return "", None


def _identity(topic: Node, function: Node, hops: int = 2) -> str:
    """The id that a topic's name is built from, where it is one of a person or a thing."""
    topic = stripped(topic)
    if topic.type == "string":
        return ""
    if topic.type == "identifier" and hops and (declared := _declared(function, text_of(topic))) is not None:
        return "" if _RANDOM.search(text_of(declared)) else _identity(declared, function, hops - 1)
    named = (text_of(node) for node in walk(topic) if node.type in _NAMES and not _is_called(node))
    return next((name for name in named if _is_identity(name, function)), "")


def _is_called(node: Node) -> bool:
    """Whether a name is that of a function, or of what one is called on."""
    parent = node.parent
    if parent is not None and parent.type == "member_expression" and parent.child_by_field_name("property") == node:
        node, parent = parent, parent.parent
    return parent is not None and parent.type == "call_expression" and parent.child_by_field_name("function") == node


def _is_identity(name: str, function: Node) -> bool:
    if not _ID.search(name) or _OF_A_RUN.match(name):
        return False
    declared = _declared(function, name)
    return declared is None or not _RANDOM.search(text_of(declared))


def _declared(function: Node, name: str) -> Node | None:
    """What a variable of this name is declared to be, in the function or else in the file around it."""
    around = [function]
    while around[-1].parent is not None:
        around.append(around[-1].parent)
    for scope in {around[0]: None, around[-1]: None}:
        for node in walk(scope):
            if node.type == "variable_declarator" and text_of(node.child_by_field_name("name")) == name:
                return node.child_by_field_name("value")
    return None


def _sent_row(function: Node) -> str:
    """The variable with rows of the database that a broadcast has as its payload."""
    rows = _rows(function)
    for node in walk(function):
        if rows and node.type == "object" and re.search(r"\btype\s*:\s*[\"'`]broadcast[\"'`]", text_of(node)):
            for child in node.named_children:
                if text_of(child.child_by_field_name("key")) == "payload":
                    value = stripped(child.child_by_field_name("value") or child)
                    if row := next((name for name in _held(value) if name in rows), ""):
                        return row
    return ""


def _held(value: Node) -> list[str]:
    """The variables that an expression is, or that stand in it whole."""
    if value.type == "identifier":
        return [text_of(value)]
    if value.type != "object":
        return []
    inner = (
        stripped(child.child_by_field_name("value") or child)
        if child.type == "pair"
        else child.named_children[0]
        if child.type == "spread_element"
        else child
        for child in value.named_children
    )
    return [text_of(node) for node in inner if node.type in {"identifier", "shorthand_property_identifier"}]


def _rows(function: Node) -> set[str]:
    """The variables that hold what a query of the function answered: `row`, `[row]`, `{ data }`, `{ data: row }`."""
    declared = [node for node in walk(function) if node.type == "variable_declarator"]
    asked = [text_of(node.child_by_field_name("name")) for node in declared if _is_query(node)]
    return {match[1] for name in asked if (match := _HOLDS.search(name))}


def _is_query(declared: Node) -> bool:
    """Whether a variable is what a query answered, and not a function that asks one."""
    value = declared.child_by_field_name("value")
    return value is not None and value.type == "await_expression" and _READS.search(text_of(value)) is not None
