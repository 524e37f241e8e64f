"""Syntax trees of TypeScript, TSX, JavaScript and Python, and the few questions that every code rule puts to them."""

from __future__ import annotations

import re
from functools import cache
from itertools import takewhile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.units import is_vendored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Language, Node, Query, Tree

_LANGUAGES = {
    ".ts": "typescript", ".mts": "typescript", ".cts": "typescript", ".tsx": "tsx",
    ".js": "javascript", ".jsx": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".py": "python",
}  # fmt: skip
_GENERATED = re.compile(
    r"(?:^|/)(?:dist|build|out|\.next|coverage|generated|__generated__|\.yarn)/"
    r"|\.min\.[cm]?js$|\.d\.[cm]?ts$|\.gen(?:erated)?\.[jt]sx?$|(?:^|/)(?:database\.types|types_db)\.ts$|_pb2?\.py$",
)
# Below the sources these folders are subjects of the application: `src/core/build/build.resolver.ts`.
_SUBJECT = re.compile(r"(?P<above>(?:[^/]+/)*?(?:src|app|pages|server|routes|modules)/).*\.(?:[cm]?tsx?|py)$")
_OUTPUT = re.compile(r"(?:^|(?<=/))(?:dist|build|out|coverage)/")
_MAX_LINE = 5000
_SENT_TO_BROWSERS = re.compile(r"(?:^|/)(?:static|public|assets|wwwroot|htdocs)/(?:.*/)?[^/]*\.js$")
_BANNER = 2000  # characters
_RELEASED = (re.compile(r"\d\.\d"), re.compile(r"licen[sc]ed?\b|copyright|\(c\)|©", re.IGNORECASE))
_FUNCTIONS = {
    "function_declaration", "function_definition", "method_definition", "arrow_function", "function_expression",
    "generator_function_declaration",
}  # fmt: skip


def language_of(path: str) -> str | None:
    """The grammar for a path; None for files that no code rule reads, such as vendored and generated ones."""
    if is_vendored(path) or _GENERATED.search(_without_subjects(path)):
        return None
    return _LANGUAGES.get(PurePosixPath(path).suffix)


def _without_subjects(path: str) -> str:
    """A path without the folders below its sources that merely sound like what a compiler writes."""
    below = _SUBJECT.match(path)
    return below["above"] + _OUTPUT.sub("", path[below.end("above") :]) if below is not None else path


def is_minified(text: str) -> bool:
    """Whether most of a text stands in very long lines; one long string in a source is no reason not to read it."""
    return 2 * sum(len(line) for line in text.split("\n") if len(line) > _MAX_LINE) > len(text)


def is_copied_library(path: str, text: str) -> bool:
    """Whether a script that is sent to browsers says at its top which release of whose library it is."""
    if not _SENT_TO_BROWSERS.search(path):
        return False
    comment = _first_comment(text[:_BANNER].strip())
    return all(pattern.search(comment) for pattern in _RELEASED)


def _first_comment(text: str) -> str:
    if text.startswith("/*"):
        return text.partition("*/")[0]
    return "\n".join(takewhile(lambda line: line.startswith("//"), text.split("\n")))


def is_broken(root: Node) -> bool:
    """Whether the parser could make nothing of most of a file; it goes on after smaller errors."""
    if not root.has_error:
        return False
    lost, waiting = 0, [root]
    while waiting:
        node = waiting.pop()
        if node.type == "ERROR":
            lost += node.end_byte - node.start_byte
        elif node.has_error:
            waiting.extend(node.children)
    return 2 * lost > root.end_byte - root.start_byte


def parse(language: str, text: str) -> Tree:
    from tree_sitter import Parser

    return Parser(_grammar(language)).parse(text.encode("utf-8", "surrogatepass"))


def _grammar(language: str) -> Language:
    from tree_sitter import Language

    if language == "python":
        import tree_sitter_python

        return Language(tree_sitter_python.language())
    if language == "javascript":
        import tree_sitter_javascript

        return Language(tree_sitter_javascript.language())
    import tree_sitter_typescript

    tsx = language == "tsx"
    return Language(tree_sitter_typescript.language_tsx() if tsx else tree_sitter_typescript.language_typescript())


def walk(node: Node) -> Iterator[Node]:
    """Every node below and including `node`, in the order of the text; no recursion, so no depth is too deep."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(current.children))


def nodes(language: str, root: Node, *types: str) -> list[Node]:
    """Every node of these types, in the order of the text; the search runs in the parser's own library."""
    from tree_sitter import QueryCursor

    captured = QueryCursor(_query(language, types)).captures(root)
    found = [node for name in captured for node in captured[name]]
    return sorted(found, key=lambda node: (node.start_byte, -node.end_byte))


@cache
def _query(language: str, types: tuple[str, ...]) -> Query:
    from tree_sitter import Query

    grammar = _grammar(language)  # JavaScript's has no abstract classes: what a grammar lacks is nowhere
    known = [name for name in types if grammar.id_for_node_kind(name, True) is not None]  # noqa: FBT003 - the library's
    return Query(grammar, " ".join(f"({name}) @node" for name in known or types))


def text_of(node: Node | None) -> str:
    return node.text.decode("utf-8", "replace") if node is not None and node.text else ""


def line_of(node: Node) -> int:
    return node.start_point[0] + 1


def enclosing_function(node: Node) -> str:
    """The name of the function around a node, `module` at the top; an unnamed one bears what it is assigned to."""
    current = node.parent
    while current is not None:
        if current.type in _FUNCTIONS and (name := _name_of(current)):
            return name
        current = current.parent
    return "module"


def _name_of(function: Node) -> str:
    if name := function.child_by_field_name("name"):
        return text_of(name)
    parent = function.parent
    for field in ("name", "key", "left"):
        if parent is not None and (holder := parent.child_by_field_name(field)):
            return text_of(holder)
    return ""
