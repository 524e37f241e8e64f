"""Errors that are caught and dropped: an empty catch without a word why, or one that answers success."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from auditor.facts.syntax import enclosing_function, line_of, text_of, walk
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tree_sitter import Node

    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

# What a failure must not be dropped of: writes, money, sessions, signatures, mail.
_MATTERS = re.compile(
    r"\.(?:create|createMany|update|updateMany|upsert|delete|deleteMany|insert|save|commit|execute)\s*\("
    r"|\$(?:execute|query)Raw|\$transaction|stripe\.|checkout|payment|refund|sendMail|sendEmail|send_email|emails\.send"
    r"|verify\w*\s*\(|constructEvent|signIn|signOut|jwt\.",
)
_FILLS = re.compile(r"(?<![\w.)])(?!(?:query|collection|session|qs|db)\b)\w+\.update\(\s*\{")  # a dict of Python
_SUCCESS = re.compile(
    r"(?:success|ok)\s*:\s*true|[\"'](?:success|ok)[\"']\s*:\s*True|\breturn\s+(?:true|True)\b|received\s*:\s*true"
)
# A probe for what may not be there, what is closed anyway, and what only counts visitors has nothing to report.
_HARMLESS = re.compile(
    r"JSON\.parse|localStorage|sessionStorage|new URL\(|\.close\(|clearInterval|unlink|rmSync|\bimport\(|disconnect\("
    r"|posthog|analytics|gtag|\btrack\w*\(|\.capture\(|startTyping|waitFor\w*\(|\.cancel\(|\.abort\(|\brelease\w*\(",
)
_CATCHES = (("catch_clause", "call_expression"), ("except_clause",))  # of JavaScript, and of Python
# Narrow exceptions whose absence of handling is the handling.
_NARROW = re.compile(
    r"^(?:\(|\s)*(?:\w+\.)*(?:FileNotFoundError|KeyError|IndexError|AttributeError|ImportError|ModuleNotFoundError|"
    r"StopIteration|ProcessLookupError|NotImplementedError|FileExistsError|CancelledError|KeyboardInterrupt|"
    r"BrokenPipeError|TimeoutExpired|DoesNotExist|UnicodeDecodeError|QueueEmpty|Empty)\b",
)

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    for path, reason in code.unknown.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    for path, language in code.asked.items():
        text = code.text(path)
        if ("except" if language == "python" else "catch") in text:
            yield from _in_file(path, code.nodes(path, *_CATCHES[language == "python"]))


def _in_file(path: str, nodes: list[Node]) -> Iterator[Answer]:
    seen: Counter[str] = Counter()
    for node in nodes:
        judged = _judge(node)
        if judged is None:
            continue
        function = enclosing_function(node)
        seen[function] += 1
        number = f"#{seen[function]}" if seen[function] > 1 else ""
        fault, severity = judged
        state = State.FAIL if fault else State.OK
        place = FileSpan(path, line_of(node), node.end_point[0] + 1)
        subject = f"catch {path}:{function}{number}"
        yield Answer(subject, state, fault or "handled", place, severity=severity, evidence=fault)


def _judge(node: Node) -> tuple[str, Severity | None] | None:
    """The fault of a catch, empty when it is handled; None for every other node."""
    if node.type == "catch_clause":
        return _clause(node.child_by_field_name("body"), node.parent)
    if node.type == "except_clause":
        return _except(node)
    if node.type == "call_expression":
        return _promise(node)
    return None


def _clause(body: Node | None, guarded: Node | None) -> tuple[str, Severity | None]:
    if body is None or _explained(body.named_children):
        return "", None
    attempted = text_of(guarded.child_by_field_name("body")) if guarded is not None else ""
    statements = [child for child in body.named_children if child.type != "comment"]
    if not statements:
        return _dropped(attempted)
    if len(statements) == 1 and _SUCCESS.search(text_of(body)) and _MATTERS.search(attempted):
        return "answers success although the attempt failed", Severity.MEDIUM
    return "", None


def _explained(nodes: Iterable[Node]) -> bool:
    """Whether a comment says why; a note that accepts the finding is no explanation, else it would cover nothing."""
    return any(node.type == "comment" and "backend-audit:" not in text_of(node) for node in nodes)


def _dropped(attempted: str) -> tuple[str, Severity | None]:
    if _MATTERS.search(attempted):
        return "drops the error of a write, a payment, a session or a message", Severity.MEDIUM
    if _HARMLESS.search(attempted):
        return "", None
    return "drops the error without a word", None


def _except(node: Node) -> tuple[str, Severity | None]:
    body = next((child for child in node.children if child.type == "block"), None)
    if body is None or _explained(walk(node)):
        return "", None
    statements = [child for child in body.named_children if child.type != "comment"]
    caught = text_of(node).removeprefix("except").split(":")[0]
    if [child.type for child in statements] != ["pass_statement"] or _NARROW.match(caught):
        return "", None
    attempted = node.parent.child_by_field_name("body") if node.parent else None
    return _dropped(_FILLS.sub("", text_of(attempted)))


def _promise(node: Node) -> tuple[str, Severity | None] | None:
    """`.catch(() => {})`: a default value is an answer, an empty body is none."""
    function = node.child_by_field_name("function")
    arguments = node.child_by_field_name("arguments")
    if function is None or arguments is None or function.type != "member_expression":
        return None
    handlers = arguments.named_children
    if text_of(function.child_by_field_name("property")) != "catch" or len(handlers) != 1:
        return None
    if handlers[0].type not in {"arrow_function", "function_expression"}:
        return None
    body = handlers[0].child_by_field_name("body")
    if body is None or body.type != "statement_block" or body.named_children:
        return "", None
    attempted = text_of(function.child_by_field_name("object"))
    fault, severity = _dropped(attempted)
    awaited = node.parent is not None and node.parent.type == "await_expression"
    return fault, severity if awaited else Severity.INFO  # started and forgotten on purpose
