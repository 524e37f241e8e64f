"""Findings accepted on purpose: inline comments and configuration, each with a reason and an end. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from auditor.judge import severity_of
from auditor.model import Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditor.config import Suppression
    from auditor.model import Answer, RuleAnswers
    from auditor.rulebook import Page, Rulebook

_INLINE = re.compile(r"(?:--|//|#|/\*)\s*backend-audit:\s*ignore\[([a-z0-9-]+)\](.*)$")
_UNTIL = re.compile(r"\buntil=(\d{4}-\d{2}-\d{2})\b")
_REASON = re.compile(r'\breason="([^"]{3,})"')
_COMMENT_ONLY = re.compile(r"^\s*(?:--|//|#|/\*)")


@dataclass(frozen=True, slots=True)
class Waiver:
    """One suppression, wherever it was written. Inline ones cover the lines `first` to `last` of `path`."""

    rule: str
    reason: str
    until: date | None
    written_at: str
    path: str | None = None
    first: int = 0
    last: int = 0
    subject_glob: str | None = None
    path_glob: str | None = None

    def covers(self, rule: str, names: Sequence[str], answer: Answer) -> bool:
        """Whether it is about this answer; `names` are the ids that the rule formerly had."""
        if self.rule not in {rule, *names}:
            return False
        if self.path is not None:
            span = answer.span
            return span is not None and span.path == self.path and self._touches(span.line, span.end_line or span.line)
        path = answer.span.path if answer.span else ""
        return fnmatchcase(answer.subject, self.subject_glob or "*") and fnmatchcase(path, self.path_glob or "*")

    def _touches(self, line: int, end_line: int) -> bool:
        return self.first <= end_line and line <= self.last

    def expired(self, today: date) -> bool:
        return self.until is not None and self.until < today


@dataclass(frozen=True, slots=True)
class Complaint:
    """A suppression that does not hold: expired, unused, or written without what it needs."""

    rule: str
    waiver: Waiver
    detail: str


def from_settings(entries: Iterable[Suppression], file: str) -> list[Waiver]:
    return [
        Waiver(entry.rule, entry.reason, entry.until, file, subject_glob=entry.subject, path_glob=entry.path)
        for entry in entries
    ]


def from_text(path: str, text: str) -> list[Waiver]:
    """The inline suppressions of one file; one on a line of its own covers the next line that is no comment."""
    if "backend-audit:" not in text:
        return []
    lines = text.splitlines()
    found = []
    for number, line in enumerate(lines, 1):
        if match := _INLINE.search(line):
            found.append(_inline(path, number, lines, match))
    return found


def _inline(path: str, number: int, lines: list[str], match: re.Match[str]) -> Waiver:
    last = number
    if _COMMENT_ONLY.match(lines[number - 1]):
        below = range(number, len(lines))
        last = next((n + 1 for n in below if lines[n].strip() and not _COMMENT_ONLY.match(lines[n])), number)
    reason = _REASON.search(match[2])
    until = _UNTIL.search(match[2])
    return Waiver(
        rule=match[1],
        reason=reason[1] if reason else "",
        until=_date(until[1]) if until else None,
        written_at=f"{path}:{number}",
        path=path,
        first=number,
        last=last,
    )


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return date.min  # no such day: counts as expired, and is reported as that


def apply(
    book: Rulebook, asked: Mapping[str, RuleAnswers], waivers: Sequence[Waiver], today: date
) -> tuple[dict[int, str], list[Complaint]]:
    """Which answers are accepted (by id, with the reason), and which suppressions do not hold."""
    accepted: dict[int, str] = {}
    complaints: list[Complaint] = []
    for waiver in waivers:
        page = book.page(waiver.rule)
        covered = [a for a in asked[page.id].answers if a.state is State.FAIL] if page and page.id in asked else []
        covered = [answer for answer in covered if page and waiver.covers(page.id, page.formerly, answer)]
        if complaint := _complaint(waiver, page, covered, asked, today):
            complaints.append(complaint)
        else:
            accepted.update((id(answer), waiver.reason) for answer in covered)
    return accepted, complaints


def _complaint(
    waiver: Waiver, page: Page | None, covered: list[Answer], asked: Mapping[str, RuleAnswers], today: date
) -> Complaint | None:
    if page is None:
        return Complaint("suppression-unused", waiver, f"no rule is named {waiver.rule}")
    if waiver.expired(today):
        return Complaint("suppression-expired", waiver, f"ignore[{waiver.rule}] ended on {waiver.until}")
    if not waiver.reason:
        return Complaint("suppression-incomplete", waiver, f"ignore[{waiver.rule}] gives no reason")
    if waiver.until is None and any(severity_of(a, page).rank >= Severity.HIGH.rank for a in covered):
        return Complaint(
            "suppression-incomplete",
            waiver,
            f"ignore[{waiver.rule}] needs an end date (until=) from severity high on",
        )
    known = asked.get(page.id)
    if not covered and known and known.asked and not known.unavailable:
        return Complaint("suppression-unused", waiver, f"ignore[{waiver.rule}] covers no finding")
    return None
