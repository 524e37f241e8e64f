"""Handlers whose body a middleware of their route has put through a schema: routes that another file declares."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.sites import ancestors
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.code_values import Event
    from auditor.sources.code import Code

_ROUTES = re.compile(r"\brouter\b|\bRouter\b|\bapp\.(?:post|put|patch|delete)\(")
_VERB = re.compile(r"\.(?:get|post|put|patch|delete|all)\s*\(\s*[\"'`]")
_VALIDATES = re.compile(
    r"(?i)(?:[\s,(\[]|\b\w+\.)\w*validat\w*\s*\([^)]*\w|\bcelebrate\s*\(|\bzod\w*\s*\(|\bcheckSchema\s*\("
)
_REPLACES = re.compile(
    r"\bObject\.assign\(\s*req(?:uest)?\s*,|\breq(?:uest)?\.body\s*=\s*(?!\s*(?:null|undefined|\{\s*\}|JSON\.parse|req)\b)\w"
)
_SCHEMAS = re.compile(
    r"\.(?:safeParse|parse|parseAsync|safeParseAsync|validate|validateAsync|validateSync)\(\s*(?:\w+\.body|object|data)\b"
)
_NAMED = {"variable_declarator", "method_definition", "function_declaration", "pair"}
_CONTRACT = re.compile(r"from\s+[\"']@ts-rest/(?:express|fastify|nest|next|serverless)")
_CONTRACT_ROUTER = re.compile(
    r"\.router\(|createExpressEndpoints\(|createNextRouter?\(|tsRestHandler\(|fetchRequestHandler\("
)
_MOST = 900  # characters of one route


def behind_schema(code: Code, home: str, event: Event, *, strips: bool = False) -> bool:
    """Whether the handler in `home` that the event comes from is registered behind a schema for its body.

    `strips`: the middleware also puts what the schema gives in the place of the body.
    """
    name = _handler(code, home, event)
    if not name or not any(name in found for found in _registered(code, home)):
        return False
    return not strips or any(
        _REPLACES.search(code.text(path)) and _SCHEMAS.search(code.text(path))
        for path, language in code.files.items()
        if language != "python" and "valid" in path.lower()
    )


def by_contract(code: Code, home: str) -> bool:
    """Whether the handlers in `home` are those of a router of ts-rest, whose contract looks at all of a request."""
    stem = re.escape(PurePosixPath(home).stem)
    imported = re.compile(rf"[\"'`][^\"'`\n]*/{stem}(?:\.\w+)?[\"'`]")
    return any(
        _CONTRACT.search(text) and _CONTRACT_ROUTER.search(text)
        for path, language in code.files.items()
        if language != "python" and imported.search(text := code.text(path))
    )


def _registered(code: Code, home: str) -> list[set[str]]:
    """The names in each route with a validator, of the files that import the handlers' file."""
    stem = re.escape(PurePosixPath(home).stem)
    imported = re.compile(rf"[\"'`][^\"'`\n]*/{stem}(?:\.\w+)?[\"'`]")
    found: list[set[str]] = []
    for path, language in code.files.items():
        text = code.text(path) if language != "python" else ""
        if path != home and not imported.search(text):
            continue
        if _ROUTES.search(text):
            found += [set(re.findall(r"\w+", one)) for one in _each(text) if _VALIDATES.search(one)]
    return found


def _each(text: str) -> list[str]:
    """The calls that register a route, as they are written."""
    starts = [match.start() for match in _VERB.finditer(text)]
    ends = [*starts[1:], len(text)][: len(starts)]
    return [re.split(r"\)\s*;|\n\s*\n", text[start:end][:_MOST])[0] for start, end in zip(starts, ends, strict=True)]


def _handler(code: Code, home: str, event: Event) -> str:
    """The name of the outermost function that an event of a file, or the call that led to it, stands in."""
    node: Node | None = event.node
    if event.path != home:
        root = code.tree(home).root_node
        node = root.descendant_for_point_range((event.entry - 1, 0), (event.entry - 1, 10_000)) if event.entry else None
    named = [outer for outer in (ancestors(node) if node is not None else ()) if outer.type in _NAMED]
    while len(named) > 1 and _is_object(named[-1].child_by_field_name("value")):
        named.pop()  # `export const Controller = { login: async (req, res) => … }`
    return text_of(named[-1].child_by_field_name("key") or named[-1].child_by_field_name("name")) if named else ""


def _is_object(value: Node | None) -> bool:
    while value is not None and value.type in {"as_expression", "satisfies_expression"}:
        value = value.named_children[0]
    return value is not None and value.type == "object"
