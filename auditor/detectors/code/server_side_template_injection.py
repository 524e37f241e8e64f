"""Templates whose source a request writes."""

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
    r"render_template_string|\bTemplate\(|from_string|\b(?:ejs|pug|jade|handlebars|Handlebars|nunjucks|mustache|doT|eta|swig|twig)\b"
    r"|(?:_|lodash)\.template\("
)
_SOURCES = re.compile(
    r"^(?:flask\.)?render_template_string$|^(?:jinja2\.(?:Template|nativetypes\.NativeTemplate)|Template|mako\.template\.Template"
    r"|django\.template\.Template|tornado\.template\.Template|bottle\.(?:template|SimpleTemplate))$"
    r"|(?i:env\w*|jinja\w*|engines?\w*)(?:\(\)|\[\])?\.from_string$"
    r"|^(?:ejs|pug|jade|handlebars|Handlebars|nunjucks|doT|dot|eta|swig|twig|Eta|mustache_unsafe|lodash|_)\.(?:render|compile|renderString|template|precompile|renderFile)$"
    r"|(?:Environment|Eta|Liquid|Engine)\(\)\.(?:renderString|renderStringAsync|parseAndRender)$|^lodash\.template$|^lodash/template$"
)
_NO_TEMPLATE = re.compile(r"^(?:str|bytes|uuid|Decimal|json|date)")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "template", (_WORDS, ENTERS), _judge, Severity.CRITICAL)


def _judge(event: Event, text: str) -> Judged | None:
    if event.kind not in {"call", "new"} or not _SOURCES.search(event.name) or _NO_TEMPLATE.match(event.name):
        return None
    if event.name == "Template" and not re.search(r"jinja2|mako|django\.template", text):
        return None
    source = event.args[0] if event.args else event.named.get("source")
    if source is None or event.name.endswith("renderFile"):
        return None
    if "Sandbox" in event.receiver.name:
        return Judged("the template runs in a sandbox")
    data = event.data(content(source), "template")
    if data:
        return Judged(f"{named(data)} is part of the template: expressions in it are run on the server", "request-data")
    return Judged("no request data seen in the source of the template")
