"""Pages of HTML that request data is written into without escaping."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers, named
from auditor.facts.code_requests import ENTERS
from auditor.facts.code_values import Value, content, union
from auditor.facts.sites import innermost_function
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(
    r"\.(?:send|end|write|html)\(|text/html|dangerouslySetInnerHTML|[fF]lask|Markup|mark_safe|HttpResponse|HTMLResponse|SafeString"
    r"|\.body\s*=|bottle|quart"
)
_SENDS = re.compile(r"^(?:\w+\.)*(?:res|response|_res|reply)(?:\.\w+\(\))*\.(?:send|end|write)$")
_HTML = re.compile(r"^(?:c|ctx|context)\.html$|^(?:hono/html\.)?raw$")
_PAGES = re.compile(
    r"^(?:\w+\.)*(?:Markup|mark_safe|SafeString|SafeText|HTMLResponse|HttpResponse|HttpResponseNotFound|HttpResponseBadRequest"
    r"|HttpResponseForbidden|HttpResponseServerError)$|^(?:flask\.)?(?:make_response|Response)$|^self\.write$"
)
_RESPONSE = re.compile(r"^(?:Response|NextResponse|next/server\.NextResponse)$")
_PLAIN = re.compile(
    r"text/plain|application/(?:(?:x-)?nd-?json|jsonl|json|xml|javascript|octet)|text/(?:csv|xml|event)|\.type\(\s*[\"'](?:txt|text|json|text/plain)|application/problem"
)
_FLASK = re.compile(r"\b(?:flask|bottle|quart|Flask)\b")
_HTML_TYPE = re.compile(r"(?i)text/html")
_ROUTED = re.compile(r"\.(?:route|get|post|put|patch|delete|errorhandler)$|^(?:route|get|post)$")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "page", (_WORDS, ENTERS), _judge, Severity.HIGH)


def _judge(event: Event, text: str) -> Judged | None:
    value = _written(event, text)
    if value is None:
        return None
    data = event.data(content(value), "html")
    if not data or _is_data(event, value):
        return Judged("no request data seen in the page that is not escaped")
    return Judged(
        f"{named(data)} is written into the page as it came: a script in it runs for the visitor", "request-data"
    )


def _is_data(event: Event, value: Value) -> bool:
    """An object is sent as JSON, which no browser runs; so is what the function says is plain."""
    if value.keys is not None or (value.items is not None and event.kind != "return"):
        return event.kind != "markup"
    structured = value.whole and not value.built and event.name.endswith(("send", "json"))
    return structured or (event.kind != "markup" and _PLAIN.search(_around(event)) is not None)


def _around(event: Event) -> str:
    """The function around a place; of one that only writes for another (`const send = …`), that one, too."""
    inner = innermost_function(event.node)
    outer = innermost_function(inner.parent) if inner is not None and inner.parent is not None else None
    if outer is not None and event.name.endswith(".write"):
        return text_of(outer)
    return text_of(inner if inner is not None else event.node)


def _written(event: Event, text: str) -> Value | None:  # noqa: PLR0911 - a case per line
    """What becomes a part of a page; None where nothing does."""
    if event.kind == "markup":
        return union(list(event.args)) if event.args else None
    if event.kind == "return":
        return _of_view(event, text)
    if event.kind == "set" and re.match(r"^(?:ctx|context)\.body$", event.name):
        return event.args[0]
    if event.kind not in {"call", "new"} or not event.args:
        return None
    if _SENDS.match(event.name) or _HTML.match(event.name):
        return event.args[0]
    if _RESPONSE.match(event.name) and event.kind == "new":
        return event.args[0] if _HTML_TYPE.search(text_of(event.node)) else None
    return _python_page(event) if _PAGES.match(event.name) and not _read_back(event) else None


def _read_back(event: Event) -> bool:
    """`Markup(text).unescape()`, `.striptags()`: what comes out is a text again, and no page."""
    member = event.node.parent
    return member is not None and text_of(member.child_by_field_name("attribute")) in {"unescape", "striptags"}


def _python_page(event: Event) -> Value | None:
    kind = next(
        (event.named[name].const for name in ("content_type", "mimetype", "media_type") if name in event.named),
        "text/html",
    )
    return event.args[0] if not isinstance(kind, str) or "html" in kind else None


def _of_view(event: Event, text: str) -> Value | None:
    """What a view returns that answers with HTML; in Flask, a list with a status or headers after it."""
    function = event.function
    if function is None or not function.decorators:
        return None
    html = any("HTMLResponse" in text_of(one.node) for one in function.decorators)
    if not html and (not _FLASK.search(text) or "fastapi" in text):
        return None
    if not any(_ROUTED.search(text_of(one.node).split("(")[0]) for one in function.decorators):
        return None
    value = event.args[0]
    if value.items:
        value = value.items[0]
    return value if value.taint and not (value.whole and not value.built) and value.keys is None else None
