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

# A repetition of nothing but a repetition, with something after it that may fail: every way to share a text is tried.
_NESTED = re.compile(r"\((?:\?:)?(?:\[(?:\\.|[^\]\\])+\]|\\?[\w.])[+*]\)[+*](?!/?[gimsuy]*$)")
_LOOKS = re.compile(r"\.(?:test|exec|match|matchAll|search|fullmatch|replace|replaceAll|sub|split|findall)$")
_WORDS = re.compile(r"[+*]\)[+*]|\bRegExp\(|\bre\.|\$regex|\bregex\.")
_PATTERNS = re.compile(
    r"^(?:RegExp|globalThis\.RegExp)$|^(?:re|regex)\.(?:compile|match|search|fullmatch|findall|finditer|sub|subn|split)$"
)

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "pattern", (_WORDS, ENTERS), _judge, Severity.LOW)


def _slow(event: Event) -> Judged | None:
    """A pattern of the code that takes endless time on some texts, and is given a request's."""
    if not _LOOKS.search(event.name):
        return None
    texts = [value for value in (event.receiver, *event.args) if value.taint]
    patterns = [value for value in (event.receiver, *event.args, *event.receiver.args) if not value.taint]
    written = [value.const if isinstance(value.const, str) else value.name.removeprefix("regex ") for value in patterns]
    if not any(_NESTED.search(text) for text in written):
        return None
    data = frozenset().union(*(event.data(content(value), "regex") for value in texts)) if texts else frozenset()
    if not data:
        return Judged("no request data is put to the pattern that backtracks without end")
    detail = f"{named(data)} is put to a pattern with a repetition inside a repetition: some texts stop the server"
    return Judged(detail, "nested-repetition", Severity.MEDIUM)


def _judge(event: Event, text: str) -> Judged | None:
    del text
    if event.kind not in {"call", "new"} or not event.args:
        return None
    if slow := _slow(event):
        return slow
    if not _PATTERNS.match(event.name):
        return None
    data = event.data(content(event.args[0]), "regex")
    if data:
        return Judged(
            f"{named(data)} is compiled as a pattern: one that backtracks without end stops the server", "request-data"
        )
    return Judged("the pattern is not the request's")
