"""Parsers of XML that follow the entities a document declares."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers, named
from auditor.facts.code_requests import ENTERS
from auditor.facts.code_values import content
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(
    r"libxml|noent|lxml|etree|xml\.sax|pulldom|expatreader|resolve_entities|feature_external|minidom|XMLParser"
)
_LXML = re.compile(r"^(?:lxml\.etree|etree|lxml\.objectify)\.(?:parse|fromstring|XML|iterparse|fromstringlist|XMLID)$")
_SAFE_LXML = re.compile(r"resolve_entities\s*=\s*False")
_NOENT = re.compile(
    r"^(?:libxmljs2?|libxml|libxml-xsd|libxml\w*|.*libxmljs.*)\.(?:parseXml|parseXmlString|parseXmlAsync|parse)$"
)
_SAX = re.compile(r"\.(?:parse|parseString|feed)$")
_FEATURE_ON = re.compile(
    r"setFeature\(\s*(?:[\w.]*feature_external_[gp]es|[\"'][^\"']*external-(?:general|parameter)-entities[\"'])\s*,\s*(?:True|1)\b"
)

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "parser", (_WORDS, ENTERS), _judge, Severity.HIGH)


def _judge(event: Event, text: str) -> Judged | None:  # noqa: PLR0911 - a case per line
    if event.kind not in {"call", "new"}:
        return None
    if _NOENT.match(event.name) and event.args:
        return _entities(event)
    if _SAX.search(event.name) and "setFeature" in text and event.args:
        return _sax(event, text)
    if re.search(r"(?:^|\.)XMLParser$", event.name) and "xml" in text:
        entities = event.named.get("resolve_entities")
        if entities is not None and entities.const is True:
            return _fault("the parser is told to resolve the entities of a document", event)
        return Judged("entities are not resolved on purpose")
    if _LXML.match(event.name) and re.search(r"\blxml\b", text):
        return _lxml(event, text)
    return None


def _sax(event: Event, text: str) -> Judged | None:
    """A parser of the standard library follows entities where it is told to."""
    if not any(value.name.endswith("make_parser()") for value in (*event.args, event.receiver, *event.named.values())):
        return None
    data = event.data(content(event.args[0]), "xml")
    if data and _FEATURE_ON.search(text):
        return _fault(f"{named(data)} is parsed with external entities switched on", event)
    return Judged("no request data seen in the document, or external entities are off")


def _fault(detail: str, event: Event) -> Judged:
    del event
    return Judged(f"{detail}: one may name a file of the server", "external-entities")


def _entities(event: Event) -> Judged:
    options = next((arg.keys for arg in event.args[1:] if arg.keys), {})
    on = [name for name in ("noent", "dtdload", "dtdvalid") if name in options and options[name].const is True]
    if "noent" in on or "dtdload" in on:
        return _fault(f"`{on[0]}: true` makes the parser load what a document declares", event)
    return Judged("entities are left alone")


def _lxml(event: Event, text: str) -> Judged:
    """By default the parser resolves entities; only a document of the request is asked about."""
    data = event.data(content(event.args[0]), "xml") if event.args else frozenset()
    given = event.args[1] if len(event.args) > 1 else event.named.get("parser")
    asked = given.named.get("resolve_entities") if given is not None else None
    if not data or (asked is not None and asked.const is False) or (given is not None and _SAFE_LXML.search(text)):
        return Judged("no request data seen in the document, or its entities are left alone")
    return Judged(f"{named(data)} is parsed by lxml, which resolves the entities that it declares", "external-entities")
