"""Code that writes to an audit trail, tables of it that code declares, and writes whose failure is dropped."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.audit_names import folded, is_trail
from auditor.facts.servers import span_of, without_comments
from auditor.facts.syntax import enclosing_function, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.parsed_files import Files
    from auditor.model import FileSpan

_TELLING = (
    "audit", "activitylog", "activity_log", "activityevent", "activity_event", "eventlog", "event_log", "logactivity",
    "log_activity", "securitylog", "security_log", "securityevent", "security_event", "adminlog", "admin_log",
    "adminaction", "admin_action", "systemlog", "system_log", "operalog", "opera_log", "operatelog", "operate_log",
    "operationlog", "operation_log", "operationrecord", "operation_record", "logentry", "simple_history",
    "reversion", "pghistory", "make_versioned", "continuum", "bemi", "retraced",
)  # fmt: skip
_DECLARES = re.compile(
    r"(?:pgTable|mysqlTable|sqliteTable|\.table|createTable|@Entity|\bmodel(?:<[^>]*>)?|\.define|create_table|\bTable)\(\s*"
    r"(?:\{\s*name\s*:\s*)?['\"](\w+)['\"]|__tablename__\s*=\s*['\"](\w+)|db_table\s*=\s*['\"](\w+)"
    r"|\bclass\s+(\w+)\((?:[\w.]*Model|Base|[\w., ]*table=True)",
)
_WRITES = (
    re.compile(
        r"\b(\w+)\.(?:objects\.)?(?:create|insert|upsert|save|add|bulk_?[cC]reate|log|record|write|append|emit|push|publish"
        r"|track|info|send|capture)\w*\s*\(",
    ),
    re.compile(r"\.(?:insert|values)\(\s*(?:\w+\.)?(\w+)\s*\)"),
    re.compile(r"\(\s*['\"](\w+)['\"]\s*(?:as\s+\w+\s*)?\)\s*\.\s*(?:insert|upsert)\s*\("),
    re.compile(r"\b(?:into|insertInto)\(\s*['\"](\w+)['\"]"),
    re.compile(r"\binsert\s+into\s+[\"`]?(?:\w+\.)?[\"`]?(\w+)", re.IGNORECASE),
    re.compile(r"(?<!class )(?<!function )(?<![<.\w])([A-Z]\w+)\s*\("),  # an instance of the model
)
_CALLS = re.compile(
    r"(?<!function )(?<!def )(?<!class )(?<![<\w])((?:create|record|write|log|add|insert|emit|track|save|send|publish"
    r"|capture|append|push|queue|enqueue|with|audit|trigger|dispatch|store|report|make)\w*)\s*(?:<[^<>()]*>)?\(",
    re.IGNORECASE,
)
_CALLED = re.compile(
    r"audit|activity_?log|log_?activity|security_?event|admin_?action|^log_action|opera(?:te|tion)?_?(?:log|record)",
    re.IGNORECASE,
)
_LIBRARY = re.compile(
    r"['\"](?:auditlog|simple_history|easyaudit|reversion|pghistory|field_history)['\"]|HistoricalRecords\(|make_versioned\("
    r"|sqlalchemy_continuum|from auditlog|@bemi-db/|retraced|auditLogs\.createEvent|LogEntry\.objects\.log_action",
)
# What writes to a trail bears its name: `audit_log_service`, `ActivityLogRepository`.
_KEEPER = re.compile(r"_?(?:service|repository|repo|crud|dao|manager|model|queue)s?$", re.IGNORECASE)
_AUDITOR = re.compile(r"^audit(?:or|logger|service|trail|logservice|client)?$")


@dataclass(frozen=True, slots=True)
class Written:
    """One function that writes to the trail; `dropped` says that its failure is seen by nobody."""

    subject: str
    where: FileSpan
    dropped: bool


@dataclass(slots=True)
class AuditCode:
    tables: dict[str, tuple[str, FileSpan]] = field(default_factory=dict)
    writes: dict[str, Written] = field(default_factory=dict)
    library: FileSpan | None = None


def read_audit_code(code: Files) -> AuditCode:
    found = AuditCode()
    for path in code.files:
        plain = code.text(path).lower()
        if any(word in plain for word in _TELLING):
            text = without_comments(code, path)
            _declared(path, text, found)
            if match := _LIBRARY.search(text):
                found.library = found.library or span_of(path, text, match.start())
            if not path.endswith((".tsx", ".jsx")):  # components that show a trail bear its name
                _written(code, path, text, found)
    return found


def _declared(path: str, text: str, found: AuditCode) -> None:
    for match in _DECLARES.finditer(text):
        name = next(group for group in match.groups() if group)
        if is_trail(name):
            found.tables.setdefault(folded(name), (name, span_of(path, text, match.start())))


def _written(code: Files, path: str, text: str, found: AuditCode) -> None:
    offsets = sorted({*_offsets(text)})
    for offset in offsets:
        node = code.tree(path).root_node.descendant_for_byte_range(
            *([len(text[:offset].encode("utf-8", "replace"))] * 2)
        )
        if node is None:
            continue
        subject = f"audit write {path}:{enclosing_function(node)}"
        dropped = _is_dropped(node)
        if subject not in found.writes or dropped:
            found.writes[subject] = Written(subject, span_of(path, text, offset), dropped)


def _offsets(text: str) -> Iterator[int]:
    for pattern in _WRITES:
        for match in pattern.finditer(text):
            if is_trail(_KEEPER.sub("", match[1])) or _AUDITOR.match(folded(match[1])):
                yield match.start(1)
    for match in _CALLS.finditer(text):
        if _CALLED.search(match[1]) and not re.search(
            r"(?:table|schema|page|router|column|view|filter|query)s?$", match[1], re.IGNORECASE
        ):
            yield match.start(1)


def _is_dropped(node: Node) -> bool:
    """Whether the nearest `try` around a write catches its error and does nothing, nor says why."""
    current: Node | None = node
    while current is not None:
        if current.type == "call_expression" and _silent_promise(current):
            return True
        if current.type == "try_statement" and _inside_body(current, node):
            handlers = [child for child in current.children if child.type in {"catch_clause", "except_clause"}]
            return bool(handlers) and all(_is_empty(handler) for handler in handlers)
        if current.type in {"function_declaration", "function_definition", "method_definition"}:
            return False
        current = current.parent
    return False


def _inside_body(guarded: Node, node: Node) -> bool:
    body = guarded.child_by_field_name("body")
    return body is not None and body.start_byte <= node.start_byte < body.end_byte


def _is_empty(handler: Node) -> bool:
    body = handler.child_by_field_name("body") or next((c for c in handler.children if c.type == "block"), None)
    if body is None:
        return False
    return all(child.type == "pass_statement" for child in body.named_children)


def _silent_promise(call: Node) -> bool:
    """`.catch(() => {})` on the write itself."""
    function, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
    if text_of(function.child_by_field_name("property") if function else None) != "catch" or arguments is None:
        return False
    return bool(re.fullmatch(r"\(\s*(?:async\s*)?\(?\w*\)?\s*=>\s*\{\s*\}\s*,?\s*\)", text_of(arguments)))
