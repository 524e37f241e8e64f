"""Filters of a directory, and paths into XML, that request data is written into."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers, named
from auditor.facts.code_requests import ENTERS
from auditor.facts.code_values import Value, content
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"ldap|LDAP|Ldap|xpath|XPath|elementpath|\.findall\(")
_LDAP = re.compile(
    r"(?i)(?:^|[.(])(?:search|search_s|search_st|search_ext|search_ext_s|searchAsync|searchReturningPromise|extend\.standard\.paged_search)$"
)
_XPATH = re.compile(
    r"^(?:xpath|xpath\.select\w*|xpath\.evaluate|xpath\.parse|elementpath\.select|elementpath\.iter_select|lxml\.etree\.(?:XPath|ETXPath)|etree\.XPath)$"
    r"|^xpath\.(?:select|select1|selectWithResolver|evaluate|useNamespaces|parse)$"
    r"|\.(?:xpath|evaluate|findall|iterfind|findtext)$|^document\.evaluate$"
)

_PATTERN = re.compile(r"(?i)(?:^|[_.])(?:re|rx|regexp?|pattern)\b|\bre\.compile\(")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "query", (_WORDS, ENTERS), _judge, Severity.HIGH)


def _judge(event: Event, text: str) -> Judged | None:
    if event.kind != "call" or not (event.args or event.named):
        return None
    if re.search("ldap", text, re.IGNORECASE) and _LDAP.search(event.name):
        return _verdict(event, "ldap", "the filter of a directory", [*event.args, *event.named.values()])
    is_path = _XPATH.search(event.name) is not None and _PATTERN.search(_holder(event)) is None
    if is_path and re.search("xpath|elementpath|etree", text, re.IGNORECASE):
        return _verdict(
            event,
            "xpath",
            "a path into XML",
            [*event.args, *(v for k, v in event.named.items() if k in {"path", "expression"})],
        )
    return None


def _holder(event: Event) -> str:
    """What a method is called on: that of a pattern looks for texts, and not for elements."""
    called = event.node.child_by_field_name("function")
    written = called.child_by_field_name("object") if called is not None else None
    return f"{text_of(written)} {event.receiver.name}".strip()


def _verdict(event: Event, use: str, what: str, values: list[Value]) -> Judged:
    data = frozenset().union(*(event.data(content(value), use) for value in values))
    if data:
        return Judged(f"{named(data)} becomes part of {what}, and may add conditions to it", use)
    return Judged("no request data seen in the text of the query")
