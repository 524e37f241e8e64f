"""The answers of a rule that judges what happens in a file: each place a row, and the gravest word on it counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.facts.code_requests import ENTERS
from auditor.facts.code_values import ENTRY, FREE
from auditor.facts.sites import span_of, subject_of
from auditor.model import Answer, FileSpan, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Confidence, Severity
    from auditor.sources.code import Code


_BROWSER = re.compile(r"(?:^|/)(?:public|static|assets|wwwroot|vendor)/(?:.*/)?[^/]*\.[cm]?jsx?$")  # sent to a browser
_Words = tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rule says of one place: `fault` is the short word for what is wrong, empty where nothing is."""

    detail: str
    fault: str = ""
    severity: Severity | None = None
    confidence: Confidence | None = None


_Judge = Callable[["Event", str], Judged | None]
_Excuse = Callable[["Code", str, "Event", Judged], str]  # why what is said of an event of a file's flow is no fault


def answers(
    code: Code,
    noun: str,
    words: _Words,
    judge: _Judge,
    rank: Severity,
    excuse: _Excuse | None = None,
) -> Iterator[Answer]:
    """Put every event of the files with all of the words to `judge`; `rank` is the severity of the page.

    Of a share of the files, what is said of one place is still to be put together with what the others say of it.
    """
    for path, reason in code.unknown.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    found = [answer for path in code.asked for answer in _in_file(code, path, noun, words, judge, excuse)]
    yield from settled(found, rank) if code.share is None else found


def settled(answers: Iterable[Answer], rank: Severity) -> Iterator[Answer]:
    """One answer for each place: the gravest word on it counts, of equal ones that of the file itself."""
    places: dict[tuple[str, int, int], Answer] = {}
    for answer in answers:
        if answer.site is None or not isinstance(answer.where, FileSpan):
            yield answer
            continue
        key = (answer.where.path, *answer.site[:2])
        if key not in places or _weight(answer, rank) > _weight(places[key], rank):
            places[key] = answer
    seen: Counter[str] = Counter()
    for _, answer in sorted(places.items(), key=lambda item: item[0]):
        seen[answer.subject] += 1
        number = f"#{seen[answer.subject]}" if seen[answer.subject] > 1 else ""
        yield replace(answer, subject=answer.subject + number, site=None)


def _in_file(
    code: Code, path: str, noun: str, words: _Words, judge: _Judge, excuse: _Excuse | None
) -> Iterator[Answer]:
    """What happens in a file, and what happens in others with the request data that it hands to them."""
    own = _is_asked(code, path, words) and (ENTERS not in words or code.holds(path, ENTERS))
    entered = code.is_entered(path)
    flow = code.flow(path) if own or entered else None
    if own and flow is None:
        yield Answer(f"file {path}", State.UNKNOWN, "too long or too deep to follow", FileSpan(path, 1))
    if flow is None:
        return
    away = flow.away if entered else []
    asked = {other: other == path or _is_asked(code, other, words) for other in {event.path for event in away}}
    for event in (*(flow.events if own else ()), *away):
        if asked.get(event.path, event.path == path):
            judged = judge(event, code.text(event.path))
            if judged and judged.fault and excuse is not None and (reason := excuse(code, path, event, judged)):
                judged = Judged(reason)
            if judged:
                yield _answer(noun, event, judged, path)


def _is_asked(code: Code, path: str, words: _Words) -> bool:
    """Whether a file has the words of a rule; the one that says that request data enters it is not asked for."""
    if path not in code.files or _BROWSER.search(path) or code.is_client(path):
        return False
    return all(code.holds(path, word) for word in words if word is not ENTERS)


def _answer(noun: str, event: Event, judged: Judged, home: str) -> Answer:
    """What is said of the place of an event by the file that is at `home`."""
    foreign = event.path != home
    origin = f", from {home}:{event.entry}" if foreign and judged.fault else ""
    return Answer(
        subject_of(noun, event.path, event.node, Counter()), State.FAIL if judged.fault else State.OK,
        judged.detail + origin, span_of(event.path, event.node), severity=judged.severity,
        confidence=judged.confidence, evidence=judged.fault,
        site=(event.node.start_byte, event.node.end_byte, foreign),
    )  # fmt: skip


def _weight(answer: Answer, rank: Severity) -> tuple[int, bool]:
    gravity = (answer.severity or rank).rank + 1 if answer.state is State.FAIL else 0
    return gravity, answer.site is not None and not answer.site[2]


def named(data: frozenset[str]) -> str:
    """Request data by its place, for a sentence."""
    first = min(data).lstrip(FREE + ENTRY)
    return f"`{first}`" if len(data) == 1 else f"`{first}` and other request data"
