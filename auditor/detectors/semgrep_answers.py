"""The answers of a page whose detector is a semgrep file: every place a row, each fault with the place around it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from auditor.detectors import code_sites
from auditor.facts.semgrep_output import Match
from auditor.facts.sites import is_client_module
from auditor.facts.syntax import enclosing_function
from auditor.model import Answer, FileSpan, State, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.semgrep_output import PageMatches, Semgrep
    from auditor.rulebook import Page
    from auditor.sources.code import Code


def ask(page: Page, code: Code, semgrep: Semgrep) -> Iterator[Answer]:
    """The rows of one page; raises Unavailable when its rules could not be used."""
    found = semgrep.pages[page.id]
    if found.broken:
        raise Unavailable(found.broken)
    if code_sites.is_followed(page.id):
        _follow(page, code, found)
    for path, reason in sorted((code.unread | found.unread).items()):
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    if found.has_subjects:
        yield from _rows(page, code, found)
    else:
        yield from _file_rows(page, code, found)


def _follow(page: Page, code: Code, found: PageMatches) -> None:
    """Correct what the engine says by what happens to request data in the whole file."""
    for path in code.files:
        own = code_sites.may_hold(page.id, code, path)
        arrived = [event for _, event in code.arrivals(path)]
        if not (own or arrived) or is_client_module(code.text(path)):
            continue
        reached: set[tuple[int, int]] = set()
        places: dict[tuple[int, int], tuple[Match, bool]] = {}
        flow = code.flow(path) if own else None
        if own and flow is None:
            found.unread[path] = "too long or too deep to follow"
        for event in [*(flow.events if flow else ()), *arrived]:
            judged = code_sites.judge(page.id, event)
            if judged is not None:
                key = (event.node.start_byte, event.node.end_byte)
                constant = judged[1] and (key not in places or places[key][1])
                places[key] = (_match(page, found, code.files[path], path, event.node), constant)
                reached |= {key} if judged[0] else set()
        clean = [place for key, place in places.items() if key not in reached]
        ours = [places[key][0] for key in sorted(reached)]
        found.faults = [
            fault
            for fault in found.faults
            if fault.path != path or not (_disproved(fault, clean) or any(place.holds(fault) for place in ours))
        ] + ours


def _match(page: Page, found: PageMatches, language: str, path: str, node: Node) -> Match:
    grammar = "python" if language == "python" else "javascript"
    rule = next(
        rule for rule in found.rules if rule.id == page.id and (grammar in rule.languages or not rule.is_subject)
    )
    (line, column), (last, end) = node.start_point, node.end_point
    return Match(rule, path, (line + 1, column + 1), (last + 1, end + 1))


def _disproved(fault: Match, clean: list[tuple[Match, bool]]) -> bool:
    """A fault of request data at a place that none reaches, and any fault at one that is given a constant."""
    around = [(place, constant) for place, constant in clean if place.holds(fault)]
    if not around:
        return False
    _, constant = max(around, key=lambda pair: pair[0].start)
    return constant or fault.rule.evidence == "request-data"


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
