"""Cross-origin rules that let any site act with its visitor's credentials."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.syntax import line_of, text_of, walk
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"\bcors\b|CORSMiddleware|Access-Control-Allow-Origin|CORS_|\bCORS\(", re.IGNORECASE)
_ANY = re.compile(r"""^\[?\s*["'`]\*["'`]\s*,?\s*\]?$""")
# A function that answers the origin it was asked with, or yes to everybody.
_REFLECTS = re.compile(
    r"^(?:async\s*)?\(?\s*(\w+)[^()]*\)?\s*=>\s*(?:\1\b\s*(?:\|\|[^&]*|\?\?[^&]*)?$|\{\s*return\s+\1\s*;?\s*\}$)"
    r"|=>\s*(?:\{\s*)?\w+\(\s*null\s*,\s*(?:true|\w+)\s*\)\s*;?\s*\}?$|^(?:\(\s*\)\s*=>\s*)?true$|^\(?\w*\)?\s*=>\s*true$",
)
_PAIR = r"""["'`]?\s*(?::|,\s*["'`]?value["'`]?\s*:)\s*["'`]?"""  # `name: value`, or `key: name, value: value`
_HEADER = re.compile(r"Access-Control-Allow-Origin" + _PAIR + r"\*[\"'`]", re.IGNORECASE)
_HEADER_CREDENTIALS = re.compile(r"Access-Control-Allow-Credentials" + _PAIR + r"true\b", re.IGNORECASE)
_NEAR = 7  # lines
_PYTHON = {
    "allow_origins": re.compile(
        r"allow_origins\s*=\s*\[\s*[\"']\*[\"']\s*\]|allow_origin_regex\s*=\s*r?[\"']\.\*[\"']"
    ),
    "credentials": re.compile(r"allow_credentials\s*=\s*True|supports_credentials\s*=\s*True"),
}

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    for path, language in code.asked.items():
        text = code.text(path)
        if not _WORDS.search(text):
            continue
        if language == "python":
            yield from _python(path, text, code.tree(path).root_node)
        else:
            yield from _calls(path, code.tree(path).root_node)
            yield from _headers(path, text)


def _calls(path: str, root: Node) -> Iterator[Answer]:
    number = 0
    for node in walk(root):
        options = _options(node)
        if options is None:
            continue
        number += 1
        subject = f"cors {path}" + (f"#{number}" if number > 1 else "")
        place = FileSpan(path, line_of(node), node.end_point[0] + 1)
        settled = _settled(options, root)
        if settled is None:
            yield Answer(subject, State.UNKNOWN, f"{text_of(options)[:60]} could not be followed", place)
        else:
            yield _judged(subject, place, *settled)


def _options(node: Node) -> Node | None:
    """The options of `cors(…)` or of `register(cors, …)`; the call itself where it is given none."""
    if node.type != "call_expression":
        return None
    function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    given = [a for a in arguments.named_children if a.type != "comment"] if arguments is not None else []
    if text_of(function) == "cors" and len(given) < 2:  # noqa: PLR2004 - with more it is a request that is handled
        return given[0] if given else node
    property_name = text_of(function.child_by_field_name("property")) if function is not None else ""
    if property_name == "register" and given and re.search(r"\bcors\b|fastify/cors", text_of(given[0]), re.IGNORECASE):
        return given[1] if len(given) > 1 else node
    return None


def _settled(options: Node, root: Node) -> tuple[str, bool] | None:
    """The origin as it is written, and whether credentials are allowed; None when that cannot be told."""
    if options.type == "call_expression":
        return "'*'", False  # the default of Hono's and Express's middleware
    if options.type == "identifier":
        declared = _declaration(text_of(options), root)
        return _settled(declared, root) if declared is not None and declared.type == "object" else None
    if options.type != "object":
        return None
    values = {}
    for pair in options.named_children:
        if pair.type == "pair":
            values[text_of(pair.child_by_field_name("key")).strip("\"'")] = pair.child_by_field_name("value")
        elif pair.type == "method_definition":
            values[text_of(pair.child_by_field_name("name"))] = pair
        elif pair.type == "shorthand_property_identifier":
            values[text_of(pair)] = pair
    origin = values.get("origin")
    if origin is not None and origin.type in {"identifier", "shorthand_property_identifier"}:
        origin = _declaration(text_of(origin), root) or origin
    return text_of(origin) or "'*'", text_of(values.get("credentials")) == "true"


def _declaration(name: str, root: Node) -> Node | None:
    for node in walk(root):
        if node.type == "variable_declarator" and text_of(node.child_by_field_name("name")) == name:
            return node.child_by_field_name("value")
    return None


def _judged(subject: str, place: FileSpan, origin: str, credentials: bool) -> Answer:
    reflects = bool(_REFLECTS.search(origin.strip()))
    if credentials and reflects:
        detail = "answers every origin with itself and allows credentials: any site acts as its visitor"
        return Answer(subject, State.FAIL, detail, place, severity=Severity.HIGH, evidence="reflected")
    if credentials and _ANY.match(origin.strip()):
        detail = "allows every origin together with credentials"
        return Answer(subject, State.FAIL, detail, place, evidence="wildcard")
    open_to_all = reflects or _ANY.match(origin.strip())
    ok = "every origin, without credentials" if open_to_all else "origins are named"
    return Answer(subject, State.OK, ok, place)


_SETS = r"[\w.]+\.(?:setHeader|header|set|append)\(\s*"
_ORIGIN_SET = rf"{_SETS}[\"'](?i:access-control-allow-origin)[\"']\s*,\s*[\"']\*[\"']\s*\);?\s*"
_CREDENTIALS_SET = rf"{_SETS}[\"'](?i:access-control-allow-credentials)[\"']\s*,\s*[\"']?true[\"']?\s*\);?\s*"
_OTHERS_SET = rf"(?:{_SETS}[^;{{}}()]*\);?\s*){{0,8}}"
# Set one by one, with nothing but other headers between them.
_ONE_BY_ONE = re.compile(f"{_ORIGIN_SET}{_OTHERS_SET}{_CREDENTIALS_SET}|{_CREDENTIALS_SET}{_OTHERS_SET}{_ORIGIN_SET}")


def _headers(path: str, text: str) -> Iterator[Answer]:
    """Headers written out, as Edge Functions and `next.config` have them."""
    wildcard = _HEADER.search(text) or re.search(_ORIGIN_SET, text)
    if not wildcard:
        return
    subject, place = f"headers {path}", FileSpan(path, text.count("\n", 0, wildcard.start()) + 1)
    # One set of headers stands together; further away, or set one by one, the two may exclude each other.
    around = "\n".join(text.split("\n")[max(0, place.line - _NEAR) : place.line + _NEAR])
    if _HEADER_CREDENTIALS.search(around) or _ONE_BY_ONE.search(text):
        yield Answer(subject, State.FAIL, "allows every origin together with credentials", place, evidence="wildcard")
    else:
        yield Answer(subject, State.OK, "every origin, without credentials", place)


def _python(path: str, text: str, root: Node) -> Iterator[Answer]:
    for node in walk(root):
        if node.type == "call" and re.search(r"\bCORSMiddleware\b|^CORS\(", text_of(node)[:400]):
            if any(
                "CORSMiddleware" in text_of(child) and child.type == "call" for child in walk(node) if child != node
            ):
                continue  # the innermost call that names it
            yield _python_call(path, node)
    if re.search(r"^CORS_(?:ORIGIN_ALLOW_ALL|ALLOW_ALL_ORIGINS)\s*=\s*True", text, re.MULTILINE):
        credentials = bool(re.search(r"^CORS_ALLOW_CREDENTIALS\s*=\s*True", text, re.MULTILINE))
        line = next(n for n, row in enumerate(text.splitlines(), 1) if re.match(r"CORS_(?:ORIGIN|ALLOW_ALL)", row))
        # django-cors-headers answers each origin with itself then.
        yield _judged(f"cors {path}", FileSpan(path, line), "true" if credentials else "'*'", credentials)


def _python_call(path: str, node: Node) -> Answer:
    text = text_of(node)
    credentials = bool(_PYTHON["credentials"].search(text))
    flask = text.startswith("CORS(")
    anybody = bool(_PYTHON["allow_origins"].search(text)) or (
        flask
        and (not re.search(r"\b(?:origins|resources)\s*=", text) or bool(re.search(r"origins\s*=\s*[\"']\*", text)))
    )
    # Starlette and Flask-CORS answer `*` with credentials by the origin that asked.
    origin = ("true" if credentials else "'*'") if anybody else "named"
    return _judged(f"cors {path}", FileSpan(path, line_of(node), node.end_point[0] + 1), origin, credentials)
