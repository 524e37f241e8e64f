"""Servers without a central error handler, above all where one was written and never registered."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.servers import find_servers, span_of
from auditor.facts.units import unit_of
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_REGISTERED = {
    "Hono": re.compile(r"\.onError\s*\("),
    "Express": re.compile(  # a function of four parameters, or one that is named for errors
        r"\.use\s*\(\s*(?:async\s*)?(?:function\s*\w*\s*)?\(\s*_?e\w*[^,()]*,[^,()]*,[^,()]*,[^,()]*\)"
        r"|\.use\s*\([^()]*\b\w*[eE]rr(?:or)?\w*\b[^()]*\)|setupExpressErrorHandler|Handlers\.errorHandler",
    ),
    "Fastify": re.compile(r"\.setErrorHandler\s*\("),
}
_WRITTEN = re.compile(
    r"(?:function|const|let)\s+(\w*(?:[eE]rror|onError)\w*[hH]andler\w*|onError)\b"
    r"|(?:const|let)\s+(\w+)\s*:\s*(?:ErrorHandler|ErrorRequestHandler)\b",
)


@dataclass(slots=True)
class _Handlers:
    """What one unit shows of one framework: where a handler is written, and whether one is registered."""

    written: FileSpan | None = None
    name: str = ""
    registered: bool = False


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    for path, reason in code.unread.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    handlers: dict[tuple[str, str], _Handlers] = defaultdict(_Handlers)
    for path, language in code.files.items():
        if language != "python":
            _read(path, code.text(path), unit_of(path, repository.units), handlers)
    for (unit, framework), server in find_servers(repository, code).items():
        if framework in _REGISTERED and server.made and server.served:
            yield _answer(unit, framework, server.made, handlers[unit, framework])


def _read(path: str, text: str, unit: str, handlers: dict[tuple[str, str], _Handlers]) -> None:
    plain = text.lower()
    written = _WRITTEN.search(text)
    for framework, pattern in _REGISTERED.items():
        known, named = handlers[unit, framework], framework.lower() in plain
        # A file that is given the app need not name its framework; `onError` alone is said of much else.
        if named or framework != "Hono":
            known.registered = known.registered or bool(pattern.search(text))
        if named and written and known.written is None:
            known.written, known.name = span_of(path, text, written.start()), written[1] or written[2]


def _answer(unit: str, framework: str, made: FileSpan, known: _Handlers) -> Answer:
    subject = f"server {framework} in {unit}"
    if known.registered:
        return Answer(subject, State.OK, "a central error handler is registered", made)
    if known.written:
        detail = f"{known.name} is written and never registered: {framework}'s own default answers instead"
        return Answer(subject, State.FAIL, detail, known.written, evidence="unregistered")
    detail = f"no central error handler: {framework}'s own default answers, and no error is logged in one place"
    return Answer(subject, State.FAIL, detail, made, severity=Severity.LOW, evidence="none")
