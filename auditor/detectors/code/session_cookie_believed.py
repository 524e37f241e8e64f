"""Code on a server that takes who calls from Supabase's session cookie, which nobody has verified."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from auditor.facts.sites import ancestors, innermost_function, is_client_module, span_of, subject_of
from auditor.facts.syntax import text_of
from auditor.facts.units import is_test, is_vendored
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"auth\.getSession\(")
_CALL = re.compile(r"\.auth\s*\.\s*getSession$")
_SUPABASE = re.compile(r"supabase|createServerClient|createRouteHandlerClient", re.IGNORECASE)
_ON_SERVER = re.compile(
    r"^\s*[\"']use server[\"']|next/(?:headers|server)\b|create(?:Server\w*|RouteHandler|Middleware)Client"
    r"|\bRequestHandler\b|\$types[\"']|Deno\.serve|@supabase/ssr|\bNextApi(?:Request|Response)\b|createPagesServerClient",
    re.MULTILINE,
)
_SERVER_PATH = re.compile(
    r"(?:^|/)(?:route|middleware|proxy)\.[jt]sx?$|\+(?:server|page\.server|layout\.server)\.[jt]s$|hooks\.server\.[jt]s$"
    r"|(?:^|/)pages/api/|supabase/functions/|(?:^|/)app/(?:.*/)?(?:page|layout)\.[jt]sx$"
)
_BROWSER_CLIENT = re.compile(r"createBrowserClient|createClientComponentClient|\buse(?:State|Effect|Router)\b")
# The user is verified beside it, or has only just signed in.
_VERIFIES = re.compile(
    r"\.auth\s*\.\s*(?:getUser|getClaims|verifyOtp|exchangeCodeForSession|signIn\w+|signUp|setSession)\s*\(|\bjwtVerify\s*\("
)
# What the database decides about, which verifies the token itself, and what is only looked at.
_BY_DATABASE = re.compile(
    r"\.(?:eq|match|in|rpc)\([^()]*(?:\([^()]*\)[^()]*)*\)|console\.\w+\([^()]*\)|\bif\s*\(\s*!?\s*session\s*\??\.\s*user\s*\)"
)
_USER = re.compile(r"\bsession\s*[?!]?\.\s*user\b|\{[^{}]*\buser\b[^{}]*\}\s*=\s*\w*[sS]ession\b")
_PAST_POLICIES = re.compile(
    r"\bprisma\b|\bdb\.(?:select|insert|update|delete|query)\b|SERVICE_ROLE|supabaseAdmin|adminClient", re.IGNORECASE
)

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    for path, reason in code.unknown.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    for path, language in code.asked.items():
        if language == "python" or is_test(path) or is_vendored(path):
            continue
        if code.holds(path, _WORDS) and _is_server(path, code.text(path)):
            yield from _in_file(code, path)


def _is_server(path: str, text: str) -> bool:
    if is_client_module(text) or _BROWSER_CLIENT.search(text) or not _SUPABASE.search(text):
        return False
    return bool(_SERVER_PATH.search(path) or _ON_SERVER.search(text))


def _in_file(code: Code, path: str) -> Iterator[Answer]:
    seen: Counter[str] = Counter()
    for call in code.nodes(path, "call_expression"):
        if not _CALL.search(text_of(call.child_by_field_name("function"))):
            continue
        subject, where = subject_of("session", path, call, seen), span_of(path, call)
        around = text_of(innermost_function(call) or call.parent)
        if _VERIFIES.search(around):
            yield Answer(subject, State.OK, "the user is verified beside it", where)
        elif not _USER.search(around) and not _names_user(call):
            yield Answer(subject, State.OK, "nothing of the user is read out of it", where)
        else:
            yield _believed(subject, where, _BY_DATABASE.sub("", around), code.text(path))


def _names_user(call: Node) -> bool:
    """`const { data: { session: { user } } } = await …getSession()`."""
    holder = next((node for node in ancestors(call) if node.type == "variable_declarator"), None)
    name = text_of(holder.child_by_field_name("name")) if holder is not None else ""
    return re.search(r"\bsession\s*:\s*\{[^{}]*\buser\b", name) is not None


def _believed(subject: str, where: FileSpan, around: str, text: str) -> Answer:
    past = _PAST_POLICIES.search(text)
    detail = (
        "the user is read out of the session cookie, which the caller writes: on a server getSession verifies nothing"
    )
    if past:
        detail += f"; what follows goes past the policies ({past[0]})"
    severity = Severity.HIGH if past else Severity.MEDIUM if _USER.search(around) else Severity.LOW
    return Answer(subject, State.FAIL, detail, where, severity=severity, evidence="getSession")
