"""Traces of errors that are sent to the client."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.facts.sites import ancestors, innermost_function
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.code_values import Event, Value
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"\.stack\b|traceback|format_exc|exc_info")
_SENDS = re.compile(
    r"^(?:\w+\.)*(?:res|response|reply|_res|ctx|c)(?:\.\w+\(\))*\.(?:send|json|end|write|html|text|body|render)$"
    r"|^(?:Response\.json|(?:\w+\.)*NextResponse\.json|(?:\w+\.)*NextResponse|Response|HttpResponse|(?:\w+\.)*JsonResponse|(?:\w+\.)*JSONResponse"
    r"|(?:flask\.)?(?:jsonify|make_response|Response)|(?:\w+\.)*HTTPException|HttpResponseServerError|PlainTextResponse|HTMLResponse)$"
)
_TRACE = re.compile(
    r"(?:^|\.)(?:err|error|e|ex|exc|exception|caught error)\.stack$"
    r"|^traceback\.(?:format_exc|format_exception|format_tb)\(\)$|^format_exc\(\)$"
)
_ROUTED = re.compile(r"\.(?:route|get|post|put|patch|delete|errorhandler)\b|api_view")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "answer", (_WORDS,), _judge, Severity.MEDIUM)


def _judge(event: Event, text: str) -> Judged | None:
    del text
    if event.kind == "return" and event.function is not None:
        if any(_ROUTED.search(text_of(one.node)) for one in event.function.decorators):
            return _verdict(event) if _traces(event.args[0], _MOST) else None
        return None
    if event.kind in {"call", "new"} and _SENDS.match(event.name):
        return _verdict(event)
    return None


def _verdict(event: Event) -> Judged:
    if not any(_traces(value, _MOST) for value in (*event.args, *event.named.values())):
        return Judged("no trace of an error is sent")
    around = innermost_function(event.node)
    if any(_DEVELOPMENT.search(_condition(outer)) for outer in ancestors(event.node)) or _DEVELOPMENT.search(
        text_of(around)
    ):
        return Judged("in development only")
    return Judged("the trace of an error is sent: it names files, versions and data of the server", "stack")


_MOST = 4
_DEVELOPMENT = re.compile(r"(?i)NODE_ENV|development|is_?dev|is_?prod|debug|\benv\b")


def _condition(node: Node) -> str:
    if node.type not in {"if_statement", "ternary_expression", "conditional_expression", "binary_expression"}:
        return ""
    return text_of(node.child_by_field_name("condition") or node.child_by_field_name("left"))


def _traces(value: Value, depth: int) -> bool:
    """Whether a trace is in it; what a condition may leave out is for development."""
    if _TRACE.search(value.name):
        return True
    inner = [*(value.items or ()), *(value.keys or {}).values(), *(value.args if value.built else ())]
    return depth > 0 and any(_traces(one, depth - 1) for one in inner)
