"""Origins that are allowed by a part of their name, or reflected by hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.facts.code_values import Value
from auditor.facts.sites import ancestors
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"(?i)origin")
_HEADER = "access-control-allow-origin"
_SETS = re.compile(r"\.(?:setHeader|header|set|append|add_header)$")
_LOOSE = re.compile(r"(?<!\\)\.[*+]\??(?:\.(?![*+])|)(?=[\w(\[]|\)?\$?$)")
_ORIGIN_PATTERN = re.compile(r"allow_origin_regex\s*=\s*[rR]?[\"']([^\"']+)[\"']")
_PART = re.compile(
    r"\.(?:includes|indexOf|endsWith|startsWith|match|test|endswith|startswith|search|find)$|^re\.(?:match|search)$"
)
_CREDENTIALS = re.compile(
    r"(?i)allow-credentials[\"']?[\s,:\]=]+[\"']?true|credentials\s*[:=]\s*true|allow_credentials\s*=\s*True|supports_credentials\s*=\s*True"
)
# What the settings decide: that they name every origin is a question of its own.
_ALL_ALLOWED = re.compile(r"(?i)allow(?:ed|s)?_?(?:all|any|every)_?(?:origin|cors)|(?:all|any)_?origins?_?allowed")
_OWN = re.compile(r"(?:^|\.)location\.origin$")
_ORIGIN = re.compile(r"(?i)(?:^|[.(])origin\)?$")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "origin", (_WORDS,), _judge, Severity.MEDIUM)


def _judge(event: Event, text: str) -> Judged | None:
    if event.kind == "put" and isinstance(event.args[0].const, str) and event.args[0].const.lower() == _HEADER:
        return _reflected(event, event.args[1], text)
    if event.kind != "call":
        return None
    if "allow_origin_regex" in event.named and (written := _ORIGIN_PATTERN.search(text_of(event.node))):
        return _of_middleware(written[1])
    name = event.args[0].const if event.args else None
    if _SETS.search(event.name) and isinstance(name, str) and name.lower() == _HEADER and len(event.args) > 1:
        return _reflected(event, event.args[1], text)
    for key, value in (event.args[0].keys or {}).items() if len(event.args) == 1 and _SETS.search(event.name) else ():
        if key.lower() == _HEADER:
            return _reflected(event, value, text)
    return _partly(event) if _PART.search(event.name) else None


def _of_middleware(pattern: str) -> Judged:
    """A pattern that the whole origin has to match: what stands before the host may still be anything."""
    if loose := _LOOSE.search(pattern):
        host = pattern[loose.end() :][:40] or pattern[:40]
        return Judged(
            f"what stands before `{host}` may end anywhere: so does a host that somebody else registers", "part"
        )
    return Judged("the whole host is looked at")


def _reflected(event: Event, value: Value, text: str) -> Judged:
    data = {path for path in event.data(value, "origin") if _ORIGIN.search(path)}
    if not data:
        return Judged("the origin is one of a list, or no visitor's")
    if _under_setting(event.node):
        return Judged("reflected where the settings allow every origin")
    if not _CREDENTIALS.search(text):
        return Judged("reflected, but without credentials")
    return Judged("every origin that asks is allowed, with credentials", "reflected", Severity.HIGH)


def _under_setting(node: Node) -> bool:
    """Whether an `if` around it asks for a setting that allows all origins."""
    inner, outer = node, node.parent
    while outer is not None:
        if outer.type in {"if_statement", "elif_clause"} and inner != outer.child_by_field_name("alternative"):
            asked = text_of(outer.child_by_field_name("condition"))
            if _ALL_ALLOWED.search(asked) and not asked.lstrip("( ").startswith(("not ", "!")):
                return True
        inner, outer = outer, outer.parent
    return False


def _partly(event: Event) -> Judged | None:
    """`origin.endsWith("example.com")`: `evilexample.com` ends so, too."""
    method = event.name.rpartition(".")[2]
    holder = event.receiver
    asked = (
        holder
        if method not in {"test", "match", "search"} or _ORIGIN.search(holder.name)
        else (event.args[-1] if event.args else holder)
    )
    if not (_ORIGIN.search(asked.name) or (asked.name and asked.name == _option(event.node))):
        return None
    if _OWN.search(asked.name):  # where the page itself is, in a browser
        return None
    given = (
        holder.name.removeprefix("regex ") if asked is not holder else _text(event.args[0] if event.args else Value())
    )
    return _pattern(method, str(given), is_pattern=asked is not holder or str(given).startswith("/"))


def _option(node: Node) -> str:
    """The first parameter of the function that an option `origin` is given, where something stands in one."""
    for outer in ancestors(node):
        if outer.type in {"arrow_function", "function_expression", "method_definition"}:
            given = outer if outer.type == "method_definition" else outer.parent
            key = given.child_by_field_name("key" if given.type == "pair" else "name") if given is not None else None
            if text_of(key) != "origin":
                return ""
            first = outer.child_by_field_name("parameter") or outer.child_by_field_name("parameters")
            return re.sub(r"^\(?\s*([\w$]+).*", r"\1", text_of(first), flags=re.DOTALL)
    return ""


def _text(value: Value) -> str:
    if isinstance(value.const, str):
        return value.const
    return value.name.removeprefix("regex ") if value.name.startswith("regex ") else ""


def _is_anchored(given: str) -> bool:
    ends = re.search(r"\$/?[gimu]*$", given) is not None
    return given.startswith("/^") and ends and not re.search(r"(?<!\\)\.(?![*+?])\w{2,3}\$", given)


def _pattern(method: str, given: str, *, is_pattern: bool) -> Judged | None:
    if not re.search(r"\.\w{2,}|localhost", given.replace("\\", "")) or re.match(
        r"^(?:https?://)?(?:localhost|127)", given
    ):
        return None
    host = re.sub(r"^/?\^?https?(?:\\?/|:|s\?|\?)*", "", given)
    if is_pattern:
        sound = _is_anchored(given)
    elif method in {"endsWith", "endswith"}:
        sound = given.startswith((".", "://", "http", "-"))
    elif method in {"startsWith", "startswith"}:
        sound = re.search(r"/$|localhost|127\.0\.0\.1|:$", given) is not None
    else:
        sound = False
    if sound:
        return Judged("the whole host is looked at")
    return Judged(
        f"an origin passes that only has `{host[:40]}` in it: so does a host that somebody else registers", "part"
    )
