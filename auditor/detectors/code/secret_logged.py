"""Passwords, tokens and keys that are written to a log."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from auditor.facts.purpose import runs_once
from auditor.facts.sites import arguments, is_client_module, span_of, stripped, subject_of
from auditor.facts.syntax import text_of
from auditor.model import Answer, FileSpan, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"(?i)passw|pwd|secret|token|api_?key|private_?key|authorization|credential|cvv|card_?number")
_LOGS = re.compile(
    r"^(?:(?:this|self|app|req|request|ctx|c|fastify|server|current_app)\.)*(?:_?log|_?logger|console|logging|\w+[lL]ogger|LOG|LOGGER|winston"
    r"|pino|structlog|consola)\.(?:log|info|debug|trace|warn|warning|error|verbose|fatal|critical|exception|dir|silly|http)$|^print$"
)
_SECRET = re.compile(
    r"(?i)^_?(?:\w*_)?(?:passw(?:or)?d|pwd|passphrase|secret_?key|client_?secret|api_?secret|jwt_?secret|webhook_?secret|app_?secret"
    r"|(?:\w*[a-z]_?)?(?:access|refresh|reset|auth|bearer|session|id|jwt|api|verification|bot|csrf)_?token|(?:\w*_?)api_?key|private_?key|signing_?key"
    r"|encryption_?key|service_?role_?key|authorization|cvv|card_?number|connection_?string|plain_?text_?password|(?:\w*_)?(?:new|old|user|current|temp|db|admin)_?passw(?:or)?d)$"
)
_OF_ENVIRONMENT = re.compile(r"(?i)(?:SECRET|PASSWORD|_TOKEN|API_KEY|PRIVATE_KEY|SERVICE_ROLE|SECRET_KEY)(?:_KEY)?$")
_NO_SECRET = re.compile(
    r"^_?(?:is|has|log|use|uses|should|needs|with|no|missing|require|valid|invalid)(?:_|[A-Z])"
    r"|(?i:public|publishable|anon|hash|encrypted|masked|redacted|_?id$|count|csrf)"
)
_PROGRAM = re.compile(r"__name__\s*==\s*[\"']__main__|\b(?:argparse|typer|click)\b")
_STARTED = re.compile(r"import\.meta\.(?:url\s*===|main)|===?\s*import\.meta\.url|require\.main\s*===?\s*module")
_PRINTS = re.compile(r"print$|console\.")
_FOR_A_TERMINAL = re.compile(
    r"(?i)(?:^|/)(?:cli|bin|commands?|management|migrations?|seeds?|scripts?|tools?|dev|examples?)/|\bcli\.\w+$"
)
_HOLDS = {
    "template_string", "template_substitution", "binary_expression", "object", "pair", "array",
    "parenthesized_expression", "string", "interpolation", "binary_operator", "tuple", "dictionary", "keyword_argument",
    "await_expression",
    "non_null_expression", "as_expression", "spread_element", "list", "concatenated_string",
}  # fmt: skip
_NAMES = {"identifier", "shorthand_property_identifier"}
_MEMBERS = {"member_expression", "subscript_expression", "attribute", "subscript"}
_TURNS = re.compile(r"^(?:JSON\.stringify|String|str|json\.dumps|repr|util\.inspect)$|\.format$")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    for path, reason in code.unknown.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    for path, language in code.asked.items():
        if code.holds(path, _WORDS) and not _FOR_A_TERMINAL.search(path) and not is_client_module(code.text(path)):
            yield from _in_file(code, path, "call" if language == "python" else "call_expression")


def _in_file(code: Code, path: str, kind: str) -> Iterator[Answer]:
    seen: Counter[str] = Counter()
    if path.endswith((".tsx", ".jsx")):
        return
    prints = _is_program(code.text(path), kind)  # to the one who runs it
    for call in code.nodes(path, kind):
        function = text_of(call.child_by_field_name("function"))
        if not _LOGS.match(function) or not _WORDS.search(text_of(call)) or (prints and _PRINTS.match(function)):
            continue
        found = next((name for arg in arguments(call) for name in _written(arg)), None)
        subject = subject_of("log", path, call, seen)
        if found is None:
            yield Answer(subject, State.OK, "speaks of a secret without its value", span_of(path, call))
        else:
            detail = f"`{found}` is written to the log: whoever reads the log has it"
            yield Answer(subject, State.FAIL, detail, span_of(path, call), evidence="secret-logged")


def _is_program(text: str, kind: str) -> bool:
    return _PROGRAM.search(text) is not None if kind == "call" else bool(_STARTED.search(text)) or runs_once(text)


def _written(node: Node) -> Iterator[str]:
    """The secrets whose values an expression hands over, by their names."""
    node = stripped(node)
    if node.type in _NAMES:
        yield from _if_secret(text_of(node), text_of(node))
    elif node.type in _MEMBERS:
        yield from _if_secret(_last(node), text_of(node))
    elif node.type in {"pair", "keyword_argument"}:
        yield from _pair(node)
    elif node.type in _HOLDS:
        for child in node.named_children:
            yield from _written(child)
    elif node.type in {"call", "call_expression"} and _TURNS.search(text_of(node.child_by_field_name("function"))):
        for arg in arguments(node):
            yield from _written(arg)
    elif node.type in {"call", "call_expression"}:
        yield from _read(node)


def _pair(node: Node) -> Iterator[str]:
    key, value = node.child_by_field_name("key") or node.child_by_field_name("name"), node.child_by_field_name("value")
    if value is None:
        return
    inner = stripped(value)
    if inner.type in _NAMES | _MEMBERS and (found := list(_if_secret(text_of(key).strip("\"'"), text_of(value)))):
        yield found[0]
    else:
        yield from _written(value)


def _read(node: Node) -> Iterator[str]:
    """`request.headers.get("authorization")`, `os.getenv("API_KEY")`."""
    function = text_of(node.child_by_field_name("function"))
    given = arguments(node)
    if given and re.search(r"(?:headers\.get|getenv|environ\.get|req\.header|request\.header|req\.get)$", function):
        yield from _if_secret(text_of(given[0]).strip("\"'"), text_of(node))


def _last(node: Node) -> str:
    key = (
        node.child_by_field_name("property")
        or node.child_by_field_name("attribute")
        or (node.child_by_field_name("index") or node.child_by_field_name("subscript"))
    )
    return text_of(key).strip("\"'")


def _if_secret(name: str, text: str) -> Iterator[str]:
    known = _SECRET.match(name) or (_OF_ENVIRONMENT.search(name) and re.search(r"\benv\b|environ|getenv", text))
    if known and not _NO_SECRET.search(name):
        yield " ".join(text.split())[:60]
