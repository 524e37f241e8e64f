"""Tokens whose claims are believed although nobody has verified their signature."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.jwt_calls import HINTS, JwtCall, jwt_calls
from auditor.facts.sites import (
    FUNCTIONS,
    ancestors,
    arguments,
    innermost_function,
    is_client_module,
    is_component,
    mentions,
    outermost_function,
    span_of,
    subject_of,
    unwrapped,
)
from auditor.facts.supabase_config import ConfigError, read_config, setting
from auditor.facts.syntax import enclosing_function, text_of
from auditor.model import Answer, Confidence, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_BROWSER = re.compile(
    r"\b(?:localStorage|sessionStorage|document|window)\b\s*[.?]|from\s+[\"']react(?:-native|-dom)?[\"']"
)
_BROWSER_PATH = re.compile(
    r"(?:^|/)(?:components|hooks|client|frontend|mobile|extension|electron|desktop|expo|composables|stores)/"
)
_SERVER = re.compile(
    r"\b(?:req|request|ctx|context|c|event)\b[.?]|headers|cookies\(|[\"']use server[\"']|NextRequest|Hono|express"
)
# Another call of the same function that settles who sent the token.
_VERIFIES = re.compile(
    r"\b(?:jwtVerify|jwtDecrypt|verify\w*|\w+[vV]erif(?:y|ied)\w*|validate\w*(?:[tT]oken|JWT|Jwt)|introspect\w*"
    r"|authenticate\w*|createRemoteJWKSet)\s*(?:<[^>()]*>)?\(|subtle\.verify|timingSafeEqual|createHmac|compare_digest|\.get(?:User|Claims)\("
)
_EXCHANGE = re.compile(
    r"grant_type|authorization_code|oauth2?/(?:v\d/)?token|token_?endpoint|getToken\(|exchangeCode|validateAuthorizationCode"
    r"|\.refreshToken\(|client\.callback\(|\.getAccessToken\(|refreshAccessToken",
    re.IGNORECASE,
)
_OF_PROVIDER = re.compile(
    r"\b(?:account|tokens|tokenSet|data|res(?:ponse)?|result|session|tokenResponse|credentials)\b[?!]?\."
)
_OF_EXCHANGE = re.compile(r"params[?!]?\.id_token$")  # what passport hands to a strategy beside the access token
_OF_MIDDLEWARE = re.compile(r"\b(?:ctx|c|context)\.(?:state|var)\b|\breq(?:uest)?\.(?:auth|user|session)\b")
_FROM_REQUEST = re.compile(r"req(?:uest)?\.|headers?\b|authorization|cookies?\b|[bB]earer|query\(|searchParams|params")
_EDGE = re.compile(r"(?P<project>(?:.+/)?supabase)/functions/(?P<name>[\w-]+)/")
_BODY = 2000  # characters after a function's name
_MAX_LINES = 80  # a longer one wraps a whole module
_HARMLESS = {"exp", "iat", "nbf", "header", "kid", "alg", "typ", "iss", "aud", "jti", "length"}
_IDENTITY = re.compile(
    r"^(?:sub|id|uid|user_?id|user|email|username|role|roles|permissions?|scopes?|org(?:anization)?_?id|tenant(?:_?id)?|is_?admin"
    r"|app_metadata|user_metadata|account_?id|identity|groups?|team_?id|workspace_?id)$",
    re.IGNORECASE,
)
_SAYS = re.compile(r"(?i)\w*(?:verif|valid|authent|authori|is_?allowed)\w*$")
_KEEPS = re.compile(
    r"\b(?:c|ctx|context)\.set\(|\breq(?:uest)?\.\w+\s*=[^=]|\b(?:ctx|context|session|g)\.\w+\s*=[^=]|\.role\b|current_user"
)

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    for path, reason in code.unknown.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    for path, language in code.asked.items():
        text = code.text(path)
        if not mentions(text, HINTS) or _runs_in_browser(path, text):
            continue
        seen: Counter[str] = Counter()
        calls = code.nodes(path, "call" if language == "python" else "call_expression")
        for call in jwt_calls(language, text, calls):
            yield _answer(repository, code, path, call, seen)


def _runs_in_browser(path: str, text: str) -> bool:
    if is_client_module(text) or (is_component(path) and "next/headers" not in text):
        return True
    return bool((_BROWSER.search(text) or _BROWSER_PATH.search(path)) and not _SERVER.search(text))


def _answer(repository: Repository, code: Code, path: str, call: JwtCall, seen: Counter[str]) -> Answer:
    subject = subject_of("token in", path, call.node, seen)
    place = span_of(path, call.node)
    judged = _judge(call)
    if judged[1] is not None and call.action == "decode":
        judged = _by_surroundings(repository, code, path, call.node, judged)
    detail, severity, confidence = judged
    if severity is None:
        return Answer(subject, State.OK, detail, place)
    return Answer(subject, State.FAIL, detail, place, severity=severity, confidence=confidence, evidence=call.action)


_Judged = tuple[str, Severity | None, Confidence | None]


def _judge(call: JwtCall) -> _Judged:
    if call.action == "verify":
        return "verified", None, None
    if call.action == "unsafe":
        return "the algorithm `none` is accepted: a token without any signature passes", Severity.CRITICAL, None
    if call.action == "expired":
        return "a token that has expired is accepted", Severity.HIGH, None
    return _decoded(call)


def _decoded(call: JwtCall) -> _Judged:
    function = innermost_function(call.node)
    around = text_of(function or outermost_function(call.node))
    outer = outermost_function(call.node)
    wide = text_of(outer) if outer.end_point[0] - outer.start_point[0] < _MAX_LINES else around
    if excuse := _excuse(call, around, wide):
        return excuse, None, None
    used = _claims(call.node, around)
    if used and used <= _HARMLESS:
        return "only what says nothing about the caller is read", None, None
    if _is_logged(call.node):
        return "decoded for a log", None, None
    detail = f"{call.name} reads claims of a token whose signature nothing here verifies"
    named = sorted(name for name in used if _IDENTITY.match(name))
    if (
        not named
        and re.search(r"\bverify(?:_signature[\"'])?\s*[=:]\s*False", text_of(call.node))
        and (says := _SAYS.search(enclosing_function(call.node)))
    ):
        return f"{detail}, and the function is called `{says[0]}`", Severity.HIGH, None
    if not named and not _KEEPS.search(around):
        return detail, Severity.MEDIUM, Confidence.SUSPECTED
    detail += f", and takes {', '.join(named)} from them" if named else ", and keeps them as the caller's identity"
    return detail, Severity.CRITICAL if _FROM_REQUEST.search(wide) or _KEEPS.search(around) else Severity.HIGH, None


def _excuse(call: JwtCall, around: str, wide: str) -> str:
    own = text_of(call.node)
    name = enclosing_function(call.node)  # that a function is called so does not make it verify
    header = re.compile(rf"\b{re.escape(name.rpartition('.')[2])}\s*\(")
    if any(_VERIFIES.search(header.sub("(", text.replace(own, ""), count=1)) for text in (around, wide)):
        return "verified beside it"
    if _EXCHANGE.search(wide):
        return "the token comes straight from the provider"
    token = text_of(next(iter(arguments(call.node)), None))
    provided = _OF_PROVIDER.search(token) and not _FROM_REQUEST.search(token)
    return "the token comes from a provider's answer" if provided or _OF_EXCHANGE.match(token) else ""


def _platform_verifies(repository: Repository, path: str) -> bool:
    """Whether an edge function of Supabase is called with a valid JWT only, which is the platform's default."""
    match = _EDGE.match(path)
    if match is None or match["name"].startswith("_"):
        return False
    config = f"{match['project']}/config.toml"
    try:
        settings = read_config(repository.text(config)) if config in repository.files else {}
    except ConfigError:
        return False
    return setting(settings, f"functions.{match['name']}.verify_jwt") is not False


def _by_surroundings(repository: Repository, code: Code, path: str, decoding: Node, judged: _Judged) -> _Judged:
    """The judgement again, with what the platform does before, and what the callers of the function do."""
    if _platform_verifies(repository, path):
        return "the platform verifies the token before the function runs", None, None
    callers = list(_callers(code, path, decoding))
    if callers and all(not text or _VERIFIES.search(text) for text in callers):
        return "its callers verify the token", None, None
    if callers and all(_EXCHANGE.search(text) and not _FROM_REQUEST.search(text) for text in callers):
        return "its callers have the token straight from the provider", None, None
    careless = [text for text in callers if not _VERIFIES.search(text)]
    if judged[2] and any(_FROM_REQUEST.search(text) and _KEEPS.search(text) for text in careless):
        return f"{judged[0]}, and a caller keeps them as its user", Severity.CRITICAL, None
    return judged


def _callers(code: Code, path: str, decoding: Node) -> Iterator[str]:
    """The functions that call the one around the decoding; empty texts for those that run in a browser."""
    name = enclosing_function(decoding)
    called = re.compile(rf"\b{re.escape(name)}\(")
    if name == "module" or not re.fullmatch(r"\w+", name):
        return
    for where in code.files:
        if called.search(code.text(where)) and _may_call(code, path, where, name):
            yield from _calling(code, where, name, decoding)


def _may_call(code: Code, path: str, where: str, name: str) -> bool:
    """Whether a file is the same, imports the function, or imports the module that holds it."""
    stem = re.escape(PurePosixPath(path).stem)
    imported = rf"\bimport\b[^;]{{0,500}}\b{re.escape(name)}\b|[\"'][^\"'\n]*/{stem}(?:\.\w+)?[\"']"
    return where == path or re.search(imported, code.text(where)) is not None


def _calling(code: Code, path: str, name: str, decoding: Node) -> Iterator[str]:
    """The functions that call one by its name; empty where somebody else verifies the token, or a browser reads it."""
    for call in code.nodes(path, "call" if code.files[path] == "python" else "call_expression"):
        if text_of(call.child_by_field_name("function")).rpartition(".")[2] == name:
            outside = outermost_function(call)
            token = text_of(next(iter(arguments(call)), None))
            harmless = _runs_in_browser(path, code.text(path)) or _OF_MIDDLEWARE.search(token)
            if outside != outermost_function(decoding):
                yield "" if harmless or _hands_on(code, outside, token, name) else text_of(outside)


def _hands_on(code: Code, function: Node, token: str, decoder: str) -> bool:
    """Whether a function gives the same token to another one of the repository, which verifies it."""
    if not re.fullmatch(r"[\w.]{1,80}", token):
        return False
    names = {*re.findall(rf"\b(\w+)\(\s*{re.escape(token)}\s*[,)]", text_of(function))} - {decoder}
    defined = re.compile(rf"\b(?:function|const|def)\s+(?:{'|'.join(sorted(names))})\b") if names else None
    return defined is not None and any(
        _VERIFIES.search(text, found.end(), found.end() + _BODY)
        for text in map(code.text, code.files)
        if (found := defined.search(text))
    )


def _claims(call: Node, around: str) -> set[str]:
    """The claims that the code reads from a decoded token; empty where it hands on the whole."""
    value = unwrapped(call)
    holder = value.parent
    if holder is None:
        return set()
    if holder.type in {"member_expression", "attribute"}:
        return _first_claim(holder)
    if holder.type == "subscript":
        return {text_of(holder.child_by_field_name("subscript")).strip("\"'")}
    while holder is not None and holder.type in {"binary_expression", "boolean_operator", "ternary_expression"}:
        holder = holder.parent
    target = holder and (holder.child_by_field_name("name") or holder.child_by_field_name("left"))
    if target is None:
        return set()
    if target.type == "object_pattern":
        parts = {re.split(r"[:=\s]", text_of(child))[0] for child in target.named_children}
        return parts - {"payload"} | (_reads_of("payload", around) if "payload" in parts else set())
    return _reads_of(text_of(target), around)


def _first_claim(holder: Node) -> set[str]:
    """The claim of `decode(t).sub`, `decode(t).payload.sub` and `decode(t).get("sub")`."""
    key, outer = _key_of(holder), holder.parent
    if key == "payload" and outer is not None and outer.type == "member_expression":
        return {_key_of(outer)}
    if key == "get" and outer is not None and outer.type == "call":
        return {text_of(argument).strip("\"'") for argument in arguments(outer)[:1]}
    return {key}


def _key_of(member: Node) -> str:
    return text_of(member.child_by_field_name("property") or member.child_by_field_name("attribute"))


def _reads_of(name: str, around: str) -> set[str]:
    if not re.fullmatch(r"\w+", name):
        return set()
    dotted = re.findall(rf"\b{name}\b[?!]?\.(?:payload[?!]?\.)?(?:get\([\"'])?(\w+)", around)
    indexed = re.findall(rf"\b{name}\[[\"'](\w+)[\"']\]", around)
    taken = re.findall(rf"\{{([^{{}}]*)\}}\s*=\s*{name}\b", around)
    return {*dotted, *indexed, *(word for part in taken for word in re.findall(r"(\w+)\s*(?::[^,]*)?(?:,|$)", part))}


def _is_logged(call: Node) -> bool:
    for outer in ancestors(call):
        if outer.type in {"call_expression", "call"}:
            return (
                re.match(r"(?:console|logger|log|logging)\.\w+$", text_of(outer.child_by_field_name("function")))
                is not None
            )
        if outer.type in FUNCTIONS or outer.type.endswith("statement"):
            return False
    return False
