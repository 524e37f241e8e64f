"""Raw SQL written inside the function that answers a request, instead of in one place for the data."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from auditor.facts.handlers import handlers
from auditor.facts.syntax import line_of, text_of, walk
from auditor.model import Answer, FileSpan, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.handlers import Handler
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

# Folders that are the layer where SQL belongs.
_DATA_LAYER = re.compile(r"(?:^|/)(?:repositor(?:y|ies)|services?|daos?|queries|models?|db|database|data)/")
_DATABASE = re.compile(
    r"\$(?:query|execute)Raw|\bsql`|\.\w+\.(?:find(?:Many|Unique|First|One|All)\w*|create(?:Many)?|update(?:Many)?|upsert"
    r"|delete(?:Many)?|count|aggregate|groupBy)\s*\(|\.from\(\s*[\"'`\w]|\.rpc\(|\bknex\b|\.objects\."
    r"|\b(?:db|tx|trx|database|drizzle)\.(?:select|insert|update|delete|query)\b|\b(?:select|insert|update|delete)\("
    r"|\b(?:pool|client|conn\w*|db|cursor|cur|pg|knex|sequelize)\.(?:query|execute|raw|prepare|unsafe|fetch\w*)\s*[(<]"
    r"|\bsession\.(?:query|execute|get|add|scalars?|exec|delete)\(|\.query\.(?:filter|get|all|order_by)"
    r"|\.(?:query|execute|prepare|raw|unsafe|fetch\w*)\s*(?:<[^()]*>)?\(\s*(?:text\(\s*)?f?[\"'`]+\s*[A-Za-z]",
)
_CALLS = re.compile(
    r"^(?:query|execute|executemany|prepare|exec|raw|unsafe|run|all|get|each|one|none|many|any|oneOrNone|manyOrNone"
    r"|\$queryRawUnsafe|\$executeRawUnsafe|\$queryRaw|\$executeRaw|fetch|fetchrow|fetchval|text|SQL)$"
)
_TAGS = re.compile(r"(?:^|\.)(?:sql|\$queryRaw|\$executeRaw)$")
_VERB = re.compile(r"\s*(?:select|insert|update|delete|with|merge|truncate|create|alter|drop)\s", re.IGNORECASE)
_STRINGS = {"string", "template_string", "concatenated_string", "binary_expression", "binary_operator"}
# How the grammar reads `await call<T>(…)`: as `(await call)<T>(…)`.
_WRAPPERS = {"await_expression", "non_null_expression", "instantiation_expression"}
_TEXT = {"string_fragment", "string_content", "template_substitution", "interpolation"}

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    for path, reason in code.unknown.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    for path, language in code.asked.items():
        if not _DATA_LAYER.search(path) and _DATABASE.search(code.text(path)):
            yield from _in_file(path, handlers(path, language, code.tree(path).root_node))


def _in_file(path: str, found: Iterator[Handler]) -> Iterator[Answer]:
    seen: Counter[str] = Counter()
    done: set[int] = set()
    for handler in found:
        if handler.node.start_byte in done or not _DATABASE.search(text_of(handler.node)):
            continue  # a function that is mounted twice is asked about once
        done.add(handler.node.start_byte)
        seen[handler.name] += 1
        number = f"#{seen[handler.name]}" if seen[handler.name] > 1 else ""
        subject = f"handler {path}:{handler.name}{number}"
        raw = [node for node in walk(handler.node) if _is_statement(node, handler.node)]
        if raw:
            more = f", and {len(raw) - 1} more" if len(raw) > 1 else ""
            place = FileSpan(path, line_of(raw[0]), raw[0].end_point[0] + 1)
            yield Answer(subject, State.FAIL, f"a SQL statement stands in the handler{more}", place, evidence="raw-sql")
        else:
            yield Answer(subject, State.OK, "no SQL of its own", FileSpan(path, line_of(handler.node)))


def _is_statement(node: Node, handler: Node) -> bool:
    """Whether a node is a call or a tagged template whose text is a statement on tables."""
    if node.type not in {"call_expression", "call"}:
        return False
    callee, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if callee is None or arguments is None:
        return False
    while callee.type in _WRAPPERS:
        callee = callee.named_children[0]
    if arguments.type == "template_string":
        return bool(_TAGS.search(text_of(callee))) and touches_tables(_literal(arguments))
    name = callee.child_by_field_name("property") or callee.child_by_field_name("attribute") or callee
    if not _CALLS.match(text_of(name)) or not arguments.named_children:
        return False
    text = _given(arguments.named_children[0], handler)
    return text is not None and touches_tables(_literal(text))


def _given(argument: Node, handler: Node) -> Node | None:
    """The text that a call is given: a literal, the `text` of an object, or a variable of the handler."""
    if argument.type in _STRINGS:
        return argument
    if argument.type == "object":
        pairs = (child for child in argument.named_children if child.type == "pair")
        named = (pair for pair in pairs if text_of(pair.child_by_field_name("key")) in {"text", "sql"})
        return next((pair.child_by_field_name("value") for pair in named), None)
    if argument.type == "identifier":
        return _assigned(text_of(argument), handler)
    return None


def _assigned(name: str, handler: Node) -> Node | None:
    for node in walk(handler):
        target = node.child_by_field_name("name") or node.child_by_field_name("left")
        value = node.child_by_field_name("value") or node.child_by_field_name("right")
        if node.type in {"variable_declarator", "assignment"} and value is not None and text_of(target) == name:
            return value if value.type in _STRINGS else None
    return None


def _literal(node: Node) -> str:
    """The text of a literal; every hole in it is a parameter."""
    pieces: list[str] = []
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if current.type in _TEXT:
            pieces.append(text_of(current) if current.type.startswith("string") else ":hole")
        elif current.type in {"identifier", "member_expression", "attribute", "call", "call_expression"}:
            pieces.append(":hole")
        else:
            waiting.extend(reversed(current.named_children))
    return "".join(pieces)


def touches_tables(text: str) -> bool:
    """Whether a text is a statement that names a table: neither `select 1` nor the call of a function does."""
    if not _VERB.match(text):
        return False
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        parsed = sqlglot.parse_one(text, read="postgres")
    except (SqlglotError, RecursionError):
        return bool(re.search(r"\b(?:from|into|update|table)\s+[\w\".`:]", text, re.IGNORECASE))
    return parsed.find(exp.Table) is not None
