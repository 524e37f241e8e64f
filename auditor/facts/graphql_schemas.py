"""The root types in the text of a GraphQL schema: their fields, and the directives that ask who calls."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.graphql_groups import ROOTS, Group, is_group

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_TYPE = re.compile(r"^[ \t]*(?:extend\s+)?type\s+(\w+)\b([^{\n]{0,200})\{", re.MULTILINE)
_FIELD = re.compile(
    r"^[ \t]*(\w+)[ \t]*(\x00[\x00\n]*)?[ \t]*:[ \t]*([\w\[\]! ]+)((?:\s*@\w+[ \t]*(?:\x00[\x00\n]*)?)*)", re.MULTILINE
)
_TEXTS = re.compile(r'"""(?:[^"]|"(?!""))*"""|#[^\n]*')
_COMMENTS = re.compile(r"#[^\n]*")
_ROOT = re.compile(r"\btype\s+(?:Query|Mutation|Subscription)\b")
_STRINGS = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_INNERMOST = re.compile(r"\([^()]*\)")
_TOKENS = re.compile(r"[{}]")
_DIRECTIVE = re.compile(
    r"@(?:is_?auth\w*|auth(?:enticated|orized|orize|z)?|require\w*(?:auth|login|role|scope)?\w*|has(?:Role|Scope|Permission)\w*"
    r"|protected|loggedIn|private|admin\w*|policy)\b(?!\w)",
    re.IGNORECASE,
)
_TAGGED = re.compile(r"\b(?:gql|graphql)\s*(?:/\*.*?\*/\s*)?\(?\s*`|#graphql\b|/\*\s*GraphQL\s*\*/|typeDefs")
_MAX_BLOCK = 400_000
_MAX_NESTED = 6
_MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Declared:
    """One field of a type: `directive` is what asks who calls, `gives` its type, `takes` whether it has arguments."""

    type: str
    name: str
    path: str
    line: int
    directive: str = ""
    gives: str = ""
    takes: bool = False


@dataclass(frozen=True, slots=True)
class _Block:
    """The body of a type in a file; `head` is what stands between its name and the brace."""

    path: str
    text: str
    start: int
    head: str


Types = dict[str, list[_Block]]


def schema_types(code: Iterable[tuple[str, str]], paths: Iterable[str], text: Callable[[str], str | None]) -> Types:
    """The bodies of all types in schema files, and in the templates of code, given as (path, text)."""
    found: Types = {}
    for path in paths:
        if path.endswith((".graphql", ".graphqls", ".gql")) and not re.search(r"(?:^|/)(?:node_modules|tests?)/", path):
            _add(found, path, text(path) or "")
    for path, written in code:
        if _TAGGED.search(written) or (path.endswith(".py") and _ROOT.search(written)):
            _add(found, path, written)
    return found


def _add(found: Types, path: str, text: str) -> None:
    if "type " not in text:
        return
    texts = _COMMENTS if path.endswith(".py") else _TEXTS  # the whole schema is such a text there
    text = texts.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for block in _TYPE.finditer(text):
        found.setdefault(block[1], []).append(_Block(path, text, block.end(), block[2]))


def declared_fields(types: Types) -> list[Declared]:
    """The fields of the root types, and of the types that only group such fields."""
    found = [each for root in ROOTS for each in _fields(types, root)]
    return [*found, *(each for name in groups_of(types, found) for each in _fields(types, name))]


def groups_of(types: Types, declared: Iterable[Declared]) -> dict[str, list[Group]]:
    """The types that a field without arguments gives only for the fields in them: `mutation { user { create } }`."""
    found: dict[str, list[Group]] = {}
    waiting = [(Group(each.type, ""), each) for each in declared if each.type in ROOTS]
    for _ in range(_MAX_DEPTH):
        inner = []
        for group, each in waiting:
            if each.takes or each.gives not in types or not is_group(each.gives, group.root):
                continue
            below = group.below(each.name)
            if below not in found.setdefault(each.gives, []):
                found[each.gives].append(below)
                inner += [(below, one) for one in _fields(types, each.gives)]
        waiting = inner
    return found


def _fields(types: Types, name: str) -> Iterator[Declared]:
    for block in types.get(name, ()):
        body = _body(block)
        whole = _DIRECTIVE.search(block.head)
        line, last = block.text.count("\n", 0, block.start) + 1, 0
        for field in _FIELD.finditer(body):
            line, last = line + body.count("\n", last, field.start(1)), field.start(1)
            found = _DIRECTIVE.search(field[4]) or whole
            gives = re.sub(r"[\[\]! ]", "", field[3])
            directive = f"directive {found[0]}" if found else ""
            yield Declared(name, field[1], block.path, line, directive, gives, takes=field[2] is not None)


def _body(block: _Block) -> str:
    """What stands between the braces, with nothing left of arguments and of their descriptions but their place."""
    text = block.text[block.start : block.start + _MAX_BLOCK]
    text = _STRINGS.sub(lambda match: " " * len(match[0]), text)
    depth = 1
    for token in _TOKENS.finditer(text):
        depth += 1 if token[0] == "{" else -1
        if depth == 0:
            text = text[: token.start()]
            break
    for _ in range(_MAX_NESTED):
        text, count = _INNERMOST.subn(lambda match: re.sub(r"[^\n]", "\x00", match[0]), text)
        if not count:
            break
    return text
