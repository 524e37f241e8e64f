"""The servers of each unit: which framework makes them, where, and whether somebody serves them."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from auditor.facts.units import unit_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from auditor.facts.parsed_files import Files
    from auditor.facts.units import UnitFacts

_MADE = {
    "Hono": re.compile(r"\bnew\s+(?:OpenAPI)?Hono\b"),
    "Express": re.compile(r"(?:=|return)\s*(?:express|require\(\s*['\"]express['\"]\s*\))\s*\("),
    "Fastify": re.compile(r"(?:=|return)\s*(?:[Ff]astify(?:<[^()]*>)?|require\(\s*['\"]fastify['\"]\s*\))\s*\("),
    "NestJS": re.compile(r"\bNestFactory\s*\.\s*create\b"),
}
_MADE_PYTHON = {
    "FastAPI": re.compile(r"(?:=|return)\s*(?:fastapi\.)?FastAPI\s*\("),
    "Flask": re.compile(r"(?:=|return)\s*(?:flask\.|connexion\.)?(?:Flask\s*\(|(?:FlaskApp|App)\s*\(\s*__name__)"),
    "Django": re.compile(r"^MIDDLEWARE(?:_CLASSES)?\s*(?::[^=\n]+)?=", re.MULTILINE),
}
_WORD = {"NestJS": "@nestjs/core", "Flask": "flask"}  # how a file names its framework, where not by its own name
# A router that a package exports for others to mount is no server: somewhere it must be served.
_SERVED = re.compile(
    r"\bserve\s*\(|\.listen\s*\(|hono/(?:vercel|aws-lambda|cloudflare|netlify|bun|deno)|export\s+default\s+(?:app\b|\{)"
    r"|\bmodule\.exports\s*=\s*app\b|export\s+const\s+app\b|export\s*\{[^}]*\bapp\b|\bNestFactory\b",
)


class Listed(Protocol):
    """What rules on servers need to know of a repository."""

    @property
    def files(self) -> tuple[str, ...]: ...

    @property
    def units(self) -> tuple[UnitFacts, ...]: ...

    def text(self, path: str) -> str | None: ...


# Run by developers only.
_ASIDE = re.compile(
    r"(?:^|/)(?:mock[\w-]*|dev-?server|playgrounds?|bench(?:marks?)?|\.storybook|tools)/|(?:^|/)mock[\w-]*\.[cm]?[jt]s$"
)
_RETURNED = re.compile(r"\breturn\s+(?:app|server|fastify)\b")  # by a function that an entry elsewhere calls


@dataclass(slots=True)
class Server:
    """What one unit shows of one framework; `made` is the line that makes the app, at the entry where there is one."""

    made: FileSpan | None = None
    served: bool = False
    at_entry: bool = False


def find_servers(repository: Listed, code: Files) -> dict[tuple[str, str], Server]:
    """Servers by unit and framework, also such as nobody serves."""
    found: dict[tuple[str, str], Server] = defaultdict(Server)
    for path, language in code.files.items():
        if _ASIDE.search(path):
            continue
        unit, text = unit_of(path, repository.units), code.text(path)
        if language == "python":
            _read_python(path, text, unit, found)
        else:
            _read(path, text, unit, found)
    return dict(sorted(found.items()))


def _read(path: str, text: str, unit: str, found: dict[tuple[str, str], Server]) -> None:
    plain = text.lower()
    named = [framework for framework in _MADE if _WORD.get(framework, framework.lower()) in plain]
    at_entry = bool(named and _SERVED.search(text))
    for framework in named:
        server = found[unit, framework]
        match = _MADE[framework].search(text)
        built = match is not None and framework != "Hono" and bool(_RETURNED.search(text))
        server.served = server.served or at_entry or built
        if match and (server.made is None or (at_entry and not server.at_entry)):
            server.made, server.at_entry = span_of(path, text, match.start()), at_entry


def _read_python(path: str, text: str, unit: str, found: dict[tuple[str, str], Server]) -> None:
    for framework, pattern in _MADE_PYTHON.items():
        named = framework.lower() in text.lower()
        match = pattern.search(text) if named else None
        if match and found[unit, framework].made is None:
            found[unit, framework] = Server(span_of(path, text, match.start()), served=True, at_entry=True)


def span_of(path: str, text: str, offset: int) -> FileSpan:
    """The line of a file that holds an offset of its text."""
    return FileSpan(path, text.count("\n", 0, offset) + 1)


def without_comments(code: Files, path: str) -> str:
    """The text of a file with blanks where its comments stand: what is commented out is not there."""
    data = code.text(path).encode("utf-8", "surrogatepass")
    parts, end = [], 0
    for node in code.nodes(path, "comment"):
        if node.start_byte >= end:
            parts += [data[end : node.start_byte], re.sub(rb"[^\r\n]", b" ", data[node.start_byte : node.end_byte])]
            end = node.end_byte
    return b"".join([*parts, data[end:]]).decode("utf-8", "replace")
