"""Queries that are built and never awaited: some libraries then never send them, others lose their errors."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from auditor.facts.sites import is_client_module, outermost, span_of, subject_of
from auditor.facts.syntax import text_of
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"prisma|drizzle|supabase|createClient|\bknex\b", re.IGNORECASE)
_PRISMA = re.compile(
    r"^(?:this\.|ctx\.|context\.|self\.)*_?prisma(?:Client|Service)?\.(?P<what>\w+)\.(?P<how>create|createMany|update|updateMany|delete|deleteMany|upsert)$"
)
_SUPABASE = re.compile(r"(?i)^(?:this\.|ctx\.)*_?\w*supabase\w*(?:\(\))?\.from\(\)\.(?:insert|update|upsert|delete)\(")
_HANDLED = re.compile(r"\)\s*\.(?:then|catch|finally)\(")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    for path, reason in code.unknown.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    for path, language in code.asked.items():
        if language != "python" and code.holds(path, _WORDS) and not is_client_module(code.text(path)):
            yield from _in_file(code, path)


def _in_file(code: Code, path: str) -> Iterator[Answer]:
    seen: Counter[str] = Counter()
    for call in code.nodes(path, "call_expression"):
        library = _library(call)
        if not library:
            continue
        subject = subject_of("write", path, call, seen)
        if call.parent is None or call.parent.type != "expression_statement":
            yield Answer(subject, State.OK, "awaited, or handed on", span_of(path, call))
            continue
        detail = f"nothing awaits this write, and {library} sends nothing until something does"
        yield Answer(subject, State.FAIL, detail, span_of(path, call), severity=Severity.MEDIUM, evidence="not-awaited")


def _library(call: Node) -> str:
    """The library of a write that waits to be awaited; empty for any other call, and for a part of a longer chain."""
    if call.parent is not None and call.parent.type == "member_expression":
        return ""
    callee = text_of(call.child_by_field_name("function"))
    if _PRISMA.match(callee):
        return "Prisma"
    if ".from(" not in callee:
        return ""
    chain = re.sub(r"\s+", "", outermost(text_of(call)))
    return (
        "supabase-js"
        if _SUPABASE.match(chain) and not re.search(r"\.(?:then|catch|finally|throwOnError)\(", chain)
        else ""
    )
