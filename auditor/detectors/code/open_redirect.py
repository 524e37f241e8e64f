"""Redirects whose target a request chooses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers, named
from auditor.facts.code_requests import ENTERS
from auditor.facts.code_values import NOTHING, Value, content
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"[rR]edirect|[\"']Location[\"']|RedirectResponse|\.url_for", re.IGNORECASE)
_REDIRECTS = re.compile(
    r"^(?:\w+\.)*(?:res|response|reply|ctx|c|_res|context)(?:\.\w+\(\))*\.redirect$"
    r"|^(?:(?:\w+\.)*NextResponse|Response|next/server\.NextResponse)\.redirect$|^next/navigation\.(?:redirect|permanentRedirect)$"
    r"|^(?:@remix-run/\w+|@sveltejs/kit|react-router|astro)\.redirect$"
    r"|^(?:flask\.redirect|werkzeug\.utils\.redirect|django\.shortcuts\.redirect|bottle\.redirect|quart\.redirect|redirect)$"
    r"|^(?:(?:\w+\.)*(?:HttpResponseRedirect|HttpResponsePermanentRedirect|RedirectResponse|HTTPFound|HTTPSeeOther))$"
    r"|^(?:aiohttp\.)?web\.HTTPFound$|^self\.redirect$"
)
_HEADERS = re.compile(r"\.(?:setHeader|header|set|append|writeHead|location)$")
_WHERE = re.compile(
    r"(?i)headers(?:\.|\[\]|\.get\w*)*\W*(?:host|x-forwarded|referer|referrer|origin)|header\w*(?:\(\))?(?:\.get)?\((?:host|x-forwarded|referer|referrer|origin)"
)
_COOKIE = re.compile(r"(?i)cookie")
_ADDRESS = re.compile(r"(?:^|\.)_?req(?:uest)?\.(?:url|originalUrl|nextUrl|path|hostname|full_path)$")
_HOST = re.compile(r"^(?:https?:)?//[^/?#\0]+[/?#]|^/(?![/\\]).|^\?|^#|^\0")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "redirect", (_WORDS, ENTERS), _judge, Severity.MEDIUM)


def _judge(event: Event, text: str) -> Judged | None:
    del text
    target = _target(event)
    if target is None:
        return None
    target = content(target)
    data = event.data(target, "redirect")
    slashes = {path for path in data if event.clears(path, "one-slash") and event.clears(path, "double-slash")}
    if (
        not data - slashes
        or {"one-slash", "double-slash"} <= target.safe
        or _HOST.match(target.prefix)
        or not _leads(event, target)
        or event.name.endswith("url_for")
    ):
        return Judged("the target is not chosen by the request")
    if all(_of_this_site(path) for path in data):
        return Judged("the target is the address that was asked for")
    return Judged(f"{named(data)} is where the visitor is sent: any site may stand in it", "request-data")


def _leads(event: Event, target: Value) -> bool:
    """Whether request data other than a cookie may stand before everything else that is not known."""
    for part in target.args if target.built else ():
        if part.const is NOTHING:
            data = event.data(part, "redirect")
            return any(not (_COOKIE.search(path) or _of_this_site(path)) for path in data)
    return True


def _of_this_site(path: str) -> bool:
    """The address of the request itself, and what of it only says where it was sent."""
    return (
        _ADDRESS.search(path) is not None
        or (_WHERE.search(path) is not None)
        or bool(
            re.search(r"\.(?:url|nextUrl|originalUrl)\.(?:pathname|origin|host|href|search|protocol|clone)\b", path)
        )
    )


def _target(event: Event) -> Value | None:
    """Where a redirect leads to; None for everything else."""
    if event.kind not in {"call", "new"}:
        return None
    if _REDIRECTS.match(event.name) and (event.args or event.named):
        first = event.args[0] if event.args else next(iter(event.named.values()))
        status = isinstance(first.const, int) and len(event.args) > 1
        return event.args[1] if status else first
    name = event.args[0].const if event.args else None
    if _HEADERS.search(event.name) and isinstance(name, str) and name.lower() == "location" and len(event.args) > 1:
        return event.args[1]
    if event.name.endswith(".location") and re.match(r"^(?:res|response)\b", event.name) and event.args:
        return event.args[0]
    return _written_head(event)


def _written_head(event: Event) -> Value | None:
    """The header `Location` of an answer that is written out."""
    for arg in (*event.args, *event.named.values()):
        headers = (arg.keys or {}).get("headers", arg)
        for name, value in (headers.keys or {}).items():
            if name.lower() == "location" and re.search(r"(?:Response|writeHead)$", event.name):
                return value
    return None
