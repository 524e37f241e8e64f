"""The root types in the text of a GraphQL schema: their fields, and the directives that ask who calls."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auditor.facts.symbols import Symbols

_TYPE = re.compile(
    r"^[ \t]*(?:extend\s+)?type\s+(Query|Mutation|Subscription)\b([^{\n]{0,200})\{([^}]{0,60000})\}", re.MULTILINE
)
_FIELD = re.compile(
    r"^[ \t]*(\w+)[ \t]*(?:\([^)]{0,3000}\))?[ \t]*:[ \t]*[\w\[\]! ]+((?:[ \t]*@[^\n]{0,300})?)", re.MULTILINE
)
_TEXTS = re.compile(r'"""(?:[^"]|"(?!""))*"""|#[^\n]*')
_DIRECTIVE = re.compile(
    r"@(?:is_?auth\w*|auth(?:enticated|orized|orize|z)?|require\w*(?:auth|login|role|scope)?\w*|has(?:Role|Scope|Permission)\w*"
    r"|protected|loggedIn|private|admin\w*|policy)\b(?!\w)",
    re.IGNORECASE,
)
_TAGGED = re.compile(r"\b(?:gql|graphql)\s*(?:/\*.*?\*/\s*)?\(?\s*`|#graphql\b|/\*\s*GraphQL\s*\*/|typeDefs")


@dataclass(frozen=True, slots=True)
class Declared:
    """One field of a root type; `directive` is what asks who calls."""

    type: str
    name: str
    path: str
    line: int
    directive: str = ""


def declared_fields(symbols: Symbols, paths: Iterable[str], text: Callable[[str], str | None]) -> Iterator[Declared]:
    """The fields in schema files, and in the templates of code."""
    for path in paths:
        if path.endswith((".graphql", ".graphqls", ".gql")) and not re.search(r"(?:^|/)(?:node_modules|tests?)/", path):
            yield from _read(path, text(path) or "")
    for path, language in symbols.code.files.items():
        if language != "python" and _TAGGED.search(symbols.code.text(path)):
            yield from _read(path, symbols.code.text(path))


def _read(path: str, text: str) -> Iterator[Declared]:
    if "type " not in text:
        return
    text = _TEXTS.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for block in _TYPE.finditer(text):
        whole = _DIRECTIVE.search(block[2])
        for field in _FIELD.finditer(block[3]):
            found = _DIRECTIVE.search(field[2]) or whole
            line = text.count("\n", 0, block.start(3) + field.start(1)) + 1
            yield Declared(block[1], field[1], path, line, f"directive {found[0]}" if found else "")
