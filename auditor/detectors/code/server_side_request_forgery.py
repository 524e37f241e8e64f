"""Requests of the server whose host a request chooses."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers, named
from auditor.facts.code_requests import ENTERS
from auditor.facts.code_values import FREE, VALIDATED, Value, content
from auditor.facts.sites import outermost_function
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(
    r"[fF]etch\w*\(|\baxios\b|\bgot\b|\bky\b|\bneedle\b|\bsuperagent\b|\bundici\b|\bhttps?\.(?:get|request)|this\._?http\w*\.|[\"']request[\"'/-]"
    r"|\brequests\.|\bhttpx\b|\baiohttp\b|\burllib|urlopen|\bclient\.|\bsession\."
)
_FETCH = re.compile(
    r"^(?:(?:globalThis|window|self|undici|ctx|event)\.)?(?:fetch|nodeFetch|crossFetch)$|^(?:node-fetch|cross-fetch|isomorphic-fetch|undici)(?:\.fetch)?$"
    r"|^undici\.(?:request|stream)$|^(?:\w+\.)*fetchWith\w+$"
)
_CLIENTS = re.compile(
    r"^(?:(?:\w+\.)*axios|got|ky|needle|superagent|https?|request|request-promise(?:-native)?|phin|bent|rp)"
    r"(?:\.(?:get|post|put|patch|delete|head|options|request|stream|create))?$|^axios\.create\(\)(?:\.\w+)?$"
    r"|^this\._?http(?:Service|Client)?(?:\.axiosRef)?\.(?:get|post|put|patch|delete|head|request|axiosRef)$"
)
_PYTHON = re.compile(
    r"^(?:requests|httpx)\.(?P<plain>get|post|put|patch|delete|head|options)$|^(?:requests|httpx)\.(?P<method>request|stream)$"
    r"|^(?:urllib\.request\.|urllib2\.|urllib\.)?(?P<open>urlopen|urlretrieve)$|^urllib\.request\.Request$"
    r"|^(?:self\.)?_?(?:(?:http|https|httpx|aiohttp|async|requests)_?)*(?:session|client|http|s)\.(?P<own>get|post|put|patch|delete|head|options)$"
    r"|^(?:aiohttp\.ClientSession|httpx\.(?:Async)?Client|requests\.(?:Session|session))\(\)\.(?P<made>get|post|put|patch|delete|head|options)$"
)
_GUARDED = re.compile(
    r"169\.254\.|(?i:safe_?(?:async_?)?(?:\w{0,6}_?)?(?:transport|fetch|http|request|client))|\bBlockList\b|request-filtering-agent|(?i:ssrf[\w-]*(?:filter|guard|safe|protect|check|prevent|agent)"
    r"|(?:assert|check|prevent|guard|is|avoid|no|anti)_?-?ssrf|is_?(?:private|internal|public|loopback|blocked)_?\w*(?:ip|host|url|addr)"
    r"|private_?(?:ip|host|addr|range)|internal_?(?:ip|addr|range))"
)
_KNOWS_HOSTS = re.compile(r"\.(?:refine|superRefine|regex)\(|(?i:allow(?:ed|list)|whitelist|trusted)")
_OWN_HOST = re.compile(
    r"(?i)header\w*(?:\(\))?(?:\.|\(|\[\])?(?:get)?[\W_]*\(?(?:host|x-forwarded|origin|referer)|(?:^|\.)_?req(?:uest)?\.(?:url|nextUrl|originalUrl|hostname)$"
)
_BEHIND = re.compile(r"^https?://[^/?#]+[/?#]|^https?://[^/?#]*\0|^\0|^/|^\?|^blob:|^data:")
# A caller that has to know a secret of the server's own, and is one of its parts.
_INTERNAL = re.compile(r"\b(?:env|environ|config)\b\W{0,3}\w*(?:INTERNAL|CRON)_\w*(?:KEY|SECRET|TOKEN)")
_PLACES = ("url", "host", "hostname", "uri", "href", "baseURL", "prefixUrl")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "outgoing request", (_WORDS, ENTERS), _judge, Severity.HIGH)


def _judge(event: Event, text: str) -> Judged | None:
    places = _places(event)
    if not places:
        return None
    data = frozenset().union(*(_chosen(event, place) for place in places))
    if not data or _GUARDED.search(text):
        return None if _is_dull(places) else Judged("no request data seen in the host of the URL")
    asked = frozenset(path for path in data if not path.startswith(VALIDATED))
    if not asked:
        return _validated(data, text)
    internal = _INTERNAL.search(text_of(outermost_function(event.node))) is not None
    detail = f"{named(asked)} chooses the host of an outgoing request"
    return Judged(detail, "request-data", Severity.LOW if internal else None)


def _validated(data: frozenset[str], text: str) -> Judged:
    """What a schema has let through: a text of any kind, or a thing of which nobody saw the fields."""
    if _KNOWS_HOSTS.search(text):
        return Judged("the host may be one that the schema knows")
    free = frozenset(path for path in data if path.startswith(FREE))
    detail = f"{named(free)}, which the schema takes as any text," if free else "a validated input"
    return Judged(f"{detail} chooses the host: no list knows it", "validated-input", Severity.MEDIUM)


def _is_dull(places: list[Value]) -> bool:
    """Whether every address is a constant."""
    return all(isinstance(place.const, str) for place in places)


def _chosen(event: Event, value: Value) -> frozenset[str]:
    """The data that stands where the host does."""
    value = content(value)
    if _BEHIND.match(value.prefix) and value.prefix != "":
        return frozenset()
    free = event.free(value, "url") if value.prefix == "" else frozenset()  # else a part of the host is known
    data = event.data(value, "url") | event.validated(value, "url") | free
    return frozenset(path for path in data if not _OWN_HOST.search(path))


def _named_place(name: str, value: Value) -> Value:
    """An option that names a place; a host has nothing before it."""
    return replace(value, prefix="") if name in {"host", "hostname"} else value


def _places(event: Event) -> list[Value]:
    if event.kind not in {"call", "new"} or not (event.args or event.named):
        return []
    if match := _PYTHON.match(event.name):
        place = 1 if match["method"] else 0
        given = event.args[place] if len(event.args) > place else event.named.get("url")
        return [given] if given is not None else []
    if event.path.endswith(".py"):  # `self.fetch` is a method of the object's own there
        return []
    if event.kind == "new" or not event.args or not (_FETCH.match(event.name) or _CLIENTS.match(event.name)):
        return []
    first = event.args[0]
    if first.keys is not None and not first.taint:
        return [_named_place(name, first.keys[name]) for name in _PLACES if name in first.keys]
    return [first]
