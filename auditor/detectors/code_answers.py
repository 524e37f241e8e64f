"""The answers of a rule that judges what happens in a file: each place a row, and the gravest word on it counts."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.facts.code_requests import ENTERS
from auditor.facts.code_values import ENTRY, FREE
from auditor.facts.sites import is_client_module, span_of, subject_of
from auditor.model import Answer, FileSpan, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Confidence, Severity
    from auditor.sources.code import Code


_BROWSER = re.compile(r"(?:^|/)(?:public|static|assets|wwwroot|vendor)/(?:.*/)?[^/]*\.[cm]?jsx?$")  # sent to a browser


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rule says of one place: `fault` is the short word for what is wrong, empty where nothing is."""

    detail: str
    fault: str = ""
    severity: Severity | None = None
    confidence: Confidence | None = None


def answers(
    code: Code,
    noun: str,
    words: tuple[re.Pattern[str], ...],
    judge: Callable[[Event, str], Judged | None],
    rank: Severity,
) -> Iterator[Answer]:
    """Put every event of the files with all of the words to `judge`; `rank` is the severity of the page."""
    for path, reason in code.unknown.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    for path in code.asked:
        holds = all(code.holds(path, word) for word in words if word is not ENTERS)
        if not holds or _BROWSER.search(path) or is_client_module(code.text(path)):
            continue
        own = ENTERS not in words or code.holds(path, ENTERS)
        if own or code.arrivals(path):
            yield from _in_file(code, path, noun, judge, rank, own=own)


def _in_file(
    code: Code, path: str, noun: str, judge: Callable[[Event, str], Judged | None], rank: Severity, *, own: bool
) -> Iterator[Answer]:
    flow = code.flow(path) if own else None
    if own and flow is None:
        yield Answer(f"file {path}", State.UNKNOWN, "too long or too deep to follow", FileSpan(path, 1))
        return
    found: dict[tuple[int, int], tuple[Event, Judged]] = {}
    text = code.text(path)
    for home, event in [*(("", event) for event in (flow.events if flow else ())), *code.arrivals(path)]:
        judged = judge(event, text)
        if judged and judged.fault and home:
            judged = replace(judged, detail=f"{judged.detail}, from {home}:{event.entry}")
        key = (event.node.start_byte, event.node.end_byte)
        if judged and (key not in found or _weight(judged, rank) > _weight(found[key][1], rank)):
            found[key] = (event, judged)
    seen: Counter[str] = Counter()
    for _, (event, judged) in sorted(found.items(), key=lambda item: item[0]):
        subject = subject_of(noun, path, event.node, seen)
        state = State.FAIL if judged.fault else State.OK
        yield Answer(
            subject, state, judged.detail, span_of(path, event.node), severity=judged.severity,
            confidence=judged.confidence, evidence=judged.fault,
        )  # fmt: skip


def _weight(judged: Judged, rank: Severity) -> int:
    return (judged.severity or rank).rank + 1 if judged.fault else 0


def named(data: frozenset[str]) -> str:
    """Request data by its place, for a sentence."""
    first = min(data).lstrip(FREE + ENTRY)
    return f"`{first}`" if len(data) == 1 else f"`{first}` and other request data"
