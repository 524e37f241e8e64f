"""Events that are sent to addresses which customers set up, without anything that proves who sent them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from auditor.facts.sites import arguments, is_client_module, is_component, span_of, subject_of
from auditor.facts.syntax import text_of
from auditor.facts.units import is_test, is_vendored
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"hook", re.IGNORECASE)
_SENDS = re.compile(
    r"(?:^|\.)(?:fetch|\$fetch|ofetch|fetchWithTimeout|safeFetch)$|^(?:axios|got|ky)$"
    r"|^(?:axios|got|ky|needle|superagent|requests|httpx|client|session|http|self\.\w+|this\.\w+)\.(?:post|request)$"
)
# `hook.url`, `webhook.targetUrl`, `webhookUrl`: an address out of a row, and none of the environment.
_ADDRESS = re.compile(
    r"^(?:\w+\??\.)*(?:web_?)?hooks?(?:Endpoint|Subscription|Config)?\??\.(?:data\.)?\w*(?:url|uri|endpoint|target|address)\w*$"
    r"|^(?:\w+\??\.)*web_?hook_?(?:target_?|endpoint_?)?(?:url|uri|endpoint)$",
    re.IGNORECASE,
)
# Incoming webhooks of other services, which know the sender by the secret in the address.
_OTHERS = re.compile(
    r"slack|discord|teams|telegram|mattermost|zapier|n8n|make\.com|google[-_]?chat|grafana|on-?call|feedback|feishu|lark|dingtalk|pager|opsgenie|sentry|ifttt"
    r"|process\.env|environ|import\.meta\.env|\benv\.|\bconfig\.|settings\.",
    re.IGNORECASE,
)
_SIGNED = re.compile(
    r"signature|hmac|svix|standardwebhooks|\bsign(?:ed|ing)?\w*\(|sign(?:Payload|Request|Webhook|Body)|authori[sz]ation"
    r"|(?:webhook|signing|hook)_?-?(?:secret|token|key)|x-\w+-(?:secret|token)|timestamp.{0,40}secret|oauth|bearer",
    re.IGNORECASE,
)
_POSTS = re.compile(r"\.(?:post|request)$")
_METHOD = re.compile(
    r"method\s*:\s*[\"'`]?(?:POST|PUT)|method\s*=\s*[\"']?(?:POST|PUT)|\bmethod\b\s*[,:}]", re.IGNORECASE
)

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    for path, reason in code.unknown.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    for path, language in code.asked.items():
        if is_test(path) or is_vendored(path) or is_component(path):
            continue
        if code.holds(path, _WORDS) and not is_client_module(code.text(path)):
            yield from _in_file(code, path, "call" if language == "python" else "call_expression")


def _in_file(code: Code, path: str, kind: str) -> Iterator[Answer]:
    seen: Counter[str] = Counter()
    text = code.text(path)
    for call in code.nodes(path, kind):
        if not _delivers(call) or _OTHERS.search(path) or _is_our_own(text_of(arguments(call)[0]), text):
            continue
        subject, where = subject_of("delivery", path, call, seen), span_of(path, call)
        if _SIGNED.search(text):
            yield Answer(subject, State.OK, "signed, or sent with a secret", where)
            continue
        detail = "the event goes out without a signature: a receiver cannot tell it from one that somebody else sent"
        yield Answer(subject, State.FAIL, detail, where, severity=Severity.MEDIUM, evidence="unsigned")


def _delivers(call: Node) -> bool:
    """Whether a call posts something to an address that a row holds."""
    name, given = text_of(call.child_by_field_name("function")), arguments(call)
    if not given or not _SENDS.search(name):
        return False
    address = text_of(given[0])
    rest = " ".join(text_of(each) for each in given[1:])
    posts = bool(_POSTS.search(name) or _METHOD.search(rest))
    return posts and bool(_ADDRESS.match(address)) and not _OTHERS.search(address)


def _is_our_own(address: str, text: str) -> bool:
    """Whether the address is a setting: `const webhookUrl = env.FEEDBACK_WEBHOOK_URL`."""
    return bool(
        re.search(rf"\b{re.escape(address)}\s*(?::[^=\n]{{0,60}})?=\s*[\w.(]*(?:env|ENV|config|settings)\b", text)
    )
