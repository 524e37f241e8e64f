"""Servers without a central error handler, above all where one was written and never registered."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.units import unit_of
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_SERVER = re.compile(r"\bnew\s+(?:OpenAPI)?Hono\b|(?:=|return)\s*(express|[Ff]astify)\s*\(")
_REGISTERED = {
    "Hono": re.compile(r"\.onError\s*\("),
    "Express": re.compile(  # a function of four parameters, or one that is named for errors
        r"\.use\s*\(\s*(?:async\s*)?(?:function\s*\w*\s*)?\(\s*_?e\w*[^,()]*,[^,()]*,[^,()]*,[^,()]*\)"
        r"|\.use\s*\([^()]*\b\w*[eE]rr(?:or)?\w*\b[^()]*\)|setupExpressErrorHandler|Handlers\.errorHandler",
    ),
    "Fastify": re.compile(r"\.setErrorHandler\s*\("),
}
# A router that a package exports for others to mount is no server: somewhere it must be served.
_SERVED = re.compile(
    r"\bserve\s*\(|\.listen\s*\(|hono/(?:vercel|aws-lambda|cloudflare|netlify|bun|deno)|export\s+default\s+(?:app\b|\{)"
    r"|\bmodule\.exports\s*=\s*app\b|export\s+const\s+app\b|export\s*\{[^}]*\bapp\b",
)
_WRITTEN = re.compile(
    r"(?:function|const|let)\s+(\w*(?:[eE]rror|onError)\w*[hH]andler\w*|onError)\b"
    r"|(?:const|let)\s+(\w+)\s*:\s*(?:ErrorHandler|ErrorRequestHandler)\b",
)
_NAMES = {"express": "Express", "fastify": "Fastify", "Fastify": "Fastify"}


@dataclass(slots=True)
class _Server:
    """What one unit shows of one framework: where it is made, where a handler is written, whether one is registered."""

    made: FileSpan | None = None
    written: FileSpan | None = None
    name: str = ""
    registered: bool = False
    served: bool = False
    at_entry: bool = False


@dataclass(slots=True)
class _Unit:
    servers: dict[str, _Server] = field(default_factory=lambda: defaultdict(_Server))


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    units: dict[str, _Unit] = defaultdict(_Unit)
    for path, language in code.files.items():
        if language != "python":
            _read(path, code.text(path), units[unit_of(path, repository.units)])
    for path, unit in sorted(units.items()):
        for framework, server in sorted(unit.servers.items()):
            if server.made and server.served:
                yield _answer(path, framework, server)


def _read(path: str, text: str, unit: _Unit) -> None:
    plain = text.lower()
    named = [framework for framework in _REGISTERED if framework.lower() in plain]
    if not named:
        return
    at_entry = bool(_SERVED.search(text))
    written = _WRITTEN.search(text)
    for framework in named:
        server = unit.servers[framework]
        server.registered = server.registered or bool(_REGISTERED[framework].search(text))
        server.served = server.served or at_entry
        if written and server.written is None:
            server.written, server.name = _span(path, text, written.start()), written[1] or written[2]
    if match := _SERVER.search(text):
        server = unit.servers[_NAMES.get(match[1] or "", "Hono")]
        if server.made is None or (at_entry and not server.at_entry):
            server.made, server.at_entry = _span(path, text, match.start()), at_entry


def _span(path: str, text: str, offset: int) -> FileSpan:
    return FileSpan(path, text.count("\n", 0, offset) + 1)


def _answer(unit: str, framework: str, server: _Server) -> Answer:
    subject = f"server {framework} in {unit}"
    if server.registered:
        return Answer(subject, State.OK, "a central error handler is registered", server.made)
    if server.written:
        detail = f"{server.name} is written and never registered: {framework}'s own default answers instead"
        return Answer(subject, State.FAIL, detail, server.written, evidence="unregistered")
    detail = f"no central error handler: {framework}'s own default answers, and no error is logged in one place"
    return Answer(subject, State.FAIL, detail, server.made, severity=Severity.LOW, evidence="none")
