"""Regular expressions that a request writes."""

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

_WORDS = re.compile(r"\bRegExp\(|\bre\.|\$regex|\bregex\.")
_PATTERNS = re.compile(
    r"^(?:RegExp|globalThis\.RegExp)$|^(?:re|regex)\.(?:compile|match|search|fullmatch|findall|finditer|sub|subn|split)$"
)

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "pattern", (_WORDS, ENTERS), _judge, Severity.LOW)


def _judge(event: Event, text: str) -> Judged | None:
    del text
    if event.kind not in {"call", "new"} or not event.args or not _PATTERNS.match(event.name):
        return None
    data = event.data(content(event.args[0]), "regex")
    if data:
        return Judged(
            f"{named(data)} is compiled as a pattern: one that backtracks without end stops the server", "request-data"
        )
    return Judged("the pattern is not the request's")
