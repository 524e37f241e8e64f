"""The answers of a page whose detector is a semgrep file: every place a row, each fault with the place around it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from auditor.facts.syntax import enclosing_function
from auditor.model import Answer, FileSpan, State, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.semgrep_output import Match, PageMatches, Semgrep
    from auditor.rulebook import Page
    from auditor.sources.code import Code


def ask(page: Page, code: Code, semgrep: Semgrep) -> Iterator[Answer]:
    """The rows of one page; raises Unavailable when its rules could not be used."""
    found = semgrep.pages[page.id]
    if found.broken:
        raise Unavailable(found.broken)
    for path, reason in sorted((code.unread | found.unread).items()):
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    if found.has_subjects:
        yield from _rows(page, code, found)
    else:
        yield from _file_rows(page, code, found)


def _rows(page: Page, code: Code, found: PageMatches) -> Iterator[Answer]:
    """One row per place. A fault outside every place that the subject rules know is a place of its own."""
    subjects = _distinct(found.subjects)
    faults = {(place.path, place.start, place.end): (place, fault) for place, fault in _joined(page, found, subjects)}
    places = {(match.path, match.start, match.end): match for match in subjects}
    places |= {key: place for key, (place, _) in faults.items() if key not in places}
    seen: Counter[str] = Counter()
    for key, place in sorted(places.items()):
        subject = f"{place.rule.noun} {place.path}:{_function(code, place)}"
        seen[subject] += 1
        number = f"#{seen[subject]}" if seen[subject] > 1 else ""
        yield _answer(subject + number, place, faults[key][1] if key in faults else None)


def _file_rows(page: Page, code: Code, found: PageMatches) -> Iterator[Answer]:
    """Where no place can be written the files are the subjects: one row per fault, and one per file without."""
    yield from _rows(page, code, found)
    faulty = {match.path for match in found.faults} | found.unread.keys()
    for path in found.files:
        if path not in faulty:
            yield Answer(f"file {path}", State.OK, "nothing found", FileSpan(path, 1))


def _distinct(matches: list[Match]) -> list[Match]:
    """Each span once, whatever number of rules found it."""
    return list({(match.path, match.start, match.end): match for match in matches}.values())


def _joined(page: Page, found: PageMatches, subjects: list[Match]) -> Iterator[tuple[Match, Match]]:
    """Each fault with the innermost subject around it; the gravest comes last and wins its place."""
    for fault in sorted(found.faults, key=lambda match: (match.rule.severity or page.severity).rank):
        around = [match for match in subjects if match.holds(fault)]
        yield max(around, key=lambda match: (match.start, *(-n for n in match.end)), default=fault), fault


def _function(code: Code, match: Match) -> str:
    point = (match.start[0] - 1, match.start[1] - 1)
    node = code.tree(match.path).root_node.descendant_for_point_range(point, point)
    return enclosing_function(node) if node is not None else "module"


def _answer(subject: str, place: Match, fault: Match | None) -> Answer:
    if fault is None:
        return Answer(subject, State.OK, place.rule.message, FileSpan(place.path, place.start[0], place.end[0]))
    rule = fault.rule
    span = FileSpan(place.path, place.start[0], place.end[0])
    return Answer(
        subject, State.FAIL, rule.message, span, severity=rule.severity, confidence=rule.confidence,
        evidence=rule.evidence,
    )  # fmt: skip
