"""The answers of a page whose detector is a semgrep file: every place a row, each fault with the place around it."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from auditor.detectors import code_sites
from auditor.facts.semgrep_output import Match
from auditor.facts.syntax import enclosing_function
from auditor.model import Answer, FileSpan, State, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.detectors.code_sites import Followed
    from auditor.facts.semgrep_output import PageMatches, Semgrep
    from auditor.rulebook import Page
    from auditor.sources.code import Code


def ask(page: Page, code: Code, semgrep: Semgrep, followed: Iterable[Followed] | None = None) -> Iterator[Answer]:
    """The rows of one page; raises Unavailable when its rules could not be used.

    `followed` are the places of the page that request data was followed to; they are looked for where it is not given.
    """
    found = semgrep.pages[page.id]
    if found.broken:
        raise Unavailable(found.broken)
    if code_sites.is_followed(page.id):
        given = (place for path in code.files for place in code_sites.follow(page.id, code, path))
        _correct(page, code, found, given if followed is None else followed)
    for path, reason in sorted((code.unread | found.unread).items()):
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    if found.has_subjects:
        yield from _rows(page, code, found)
    else:
        yield from _file_rows(page, code, found)


def _correct(page: Page, code: Code, found: PageMatches, followed: Iterable[Followed]) -> None:
    """Correct what the engine says by what happens to request data in all files."""
    places: dict[str, dict[tuple[int, int], list[Followed]]] = defaultdict(lambda: defaultdict(list))
    for place in followed:
        if place.lost:
            found.unread[place.path] = "too long or too deep to follow"
        else:
            places[place.path][place.key].append(place)
    for path in sorted(places):
        clean, ours = [], []
        for _, said in sorted(places[path].items()):
            match = _match(page, found, code.files[path], said[0])
            if any(place.reached for place in said):
                ours.append(match)
            else:
                clean.append((match, all(place.constant for place in said)))
        found.faults = [
            fault
            for fault in found.faults
            if fault.path != path or not (_disproved(fault, clean) or any(place.holds(fault) for place in ours))
        ] + ours


def _match(page: Page, found: PageMatches, language: str, place: Followed) -> Match:
    grammar = "python" if language == "python" else "javascript"
    rule = next(
        rule for rule in found.rules if rule.id == page.id and (grammar in rule.languages or not rule.is_subject)
    )
    return Match(rule, place.path, place.span[:2], place.span[2:])


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
