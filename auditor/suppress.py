"""Findings accepted on purpose: inline comments and configuration, each with a reason and an end. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from auditor.facts.units import is_vendored
from auditor.judge import severity_of
from auditor.model import Commit, Kind, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditor.config import Config, Suppression
    from auditor.facts.vex import Statement
    from auditor.model import Answer, RuleAnswers
    from auditor.rulebook import Page, Rulebook
    from auditor.sources.repository import Repository

# Wider than what is honoured: a note that is almost right is reported and not passed over.
_INLINE = re.compile(r"(?:--|//|#|/\*)[ \t]*backend-audit:[ \t]*ignore\b(?:[ \t]*\[([^\]]*)\])?(.*)")
_UNTIL = re.compile(r"\buntil[ \t]*=[ \t]*\"?([^\s\"*]+)")
_NO_DATE = date.min
_REASON = re.compile(r'\breason="([^"]{3,})"')
# Files that hold comments in which a finding can be accepted; documentation only talks about it.
_COMMENTED = (
    ".sql", ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".py", ".toml", ".yml", ".yaml", ".prisma",
    ".txt",
)  # fmt: skip
_ADVISORY = re.compile(r"(?:GHSA|CVE|PYSEC|MAL|OSV|RETIRE|SNYK)-[\w.-]+")
_COMMENT_ONLY = re.compile(r"^\s*(?:--|//|#|/\*)")


@dataclass(frozen=True, slots=True)
class Waiver:
    """One suppression, wherever it was written. Inline ones cover the lines `first` to `last` of `path`;
    `advisories` are the names of a vulnerability, where only that one is meant.
    """

    rule: str
    reason: str
    until: date | None
    written_at: str
    path: str | None = None
    first: int = 0
    last: int = 0
    subject_glob: str | None = None
    path_glob: str | None = None
    advisories: frozenset[str] = frozenset()

    def covers(self, rule: str, names: Sequence[str], answer: Answer) -> bool:
        """Whether it is about this answer; `names` are the ids that the rule formerly had."""
        if self.rule not in {rule, *names}:
            return False
        if self.advisories and self.advisories.isdisjoint((answer.evidence, *answer.aliases)):
            return False
        if self.path is not None:
            span = answer.span
            return span is not None and span.path == self.path and self._touches(span.line, span.end_line or span.line)
        place = answer.where if isinstance(answer.where, Commit) else answer.span
        path = place.path if place else ""
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


def may_hold_notes(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return not is_vendored(path) and (name.endswith(_COMMENTED) or name.startswith(("Dockerfile", ".env")))


def collect(config: Config, repository: Repository) -> list[Waiver]:
    """Every suppression that the settings and the files hold."""
    places = [config.place(f"ignore.{number}") for number in range(len(config.settings.ignore))]
    found = from_settings(config.settings.ignore, config.file, places)
    for path in repository.files:
        if may_hold_notes(path):
            found += from_text(path, repository.text(path) or "")
    return found


def from_settings(entries: Sequence[Suppression], file: str, places: Sequence[str] = ()) -> list[Waiver]:
    return [
        _advisory_waiver(
            Waiver(entry.rule, entry.reason, entry.until, place, subject_glob=entry.subject, path_glob=entry.path)
        )
        for entry, place in zip(entries, places or [f"{file}:1"] * len(entries), strict=True)
    ]


def _advisory_waiver(waiver: Waiver) -> Waiver:
    """One that names an advisory instead of a rule means that one alone: by its id or by any other name of it."""
    if not _ADVISORY.fullmatch(waiver.rule):
        return waiver
    rule = "malicious-dependency" if waiver.rule.startswith("MAL-") else "vulnerable-dependency"
    return replace(waiver, rule=rule, advisories=frozenset({waiver.rule}))


def from_vex(statements: Iterable[Statement], asked: Mapping[str, RuleAnswers], file: str) -> list[Waiver]:
    """The statements of a VEX document that cover a finding; the others are about other products and no fault."""
    found = [
        Waiver(
            "vulnerable-dependency", statement.reason, date.max, f"{file}:1", subject_glob=subject,
            advisories=statement.names,
        )
        for statement in statements
        for subject in dict.fromkeys(statement.subjects)
        if statement.names
    ]  # fmt: skip
    known = asked.get("vulnerable-dependency")
    failed = [answer for answer in (known.answers if known else ()) if answer.state is State.FAIL]
    return [waiver for waiver in found if any(waiver.covers(waiver.rule, (), answer) for answer in failed)]


def from_text(path: str, text: str) -> list[Waiver]:
    """The inline suppressions of one file; one on a line of its own covers the next line that is no comment."""
    if "backend-audit:" not in text:
        return []
    lines = text.split("\n")  # as statements count them: other separators must not move a note to another line
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
    waiver = Waiver(
        rule=(match[1] or "").strip(),
        reason=reason[1] if reason else "",
        until=_date(until[1]) if until else None,
        written_at=f"{path}:{number}",
        path=path,
        first=number,
        last=last,
    )
    return _advisory_waiver(waiver)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return _NO_DATE


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
    faulty = _faulty(waiver, page, covered, today)
    if faulty or page is None:
        return faulty
    known = asked.get(page.id)
    if page.kind is Kind.SETTINGS:
        return Complaint("suppression-unused", waiver, f"{waiver.rule} is about suppressions and cannot be suppressed")
    # What is not known may be the very thing that was accepted.
    undecided = known is None or not known.asked or known.unavailable or any(map(_is_unknown, known.answers))
    if not covered and not undecided:
        return Complaint("suppression-unused", waiver, f"{_shown(waiver)} covers no finding")
    return None


def _is_unknown(answer: Answer) -> bool:
    return answer.state is State.UNKNOWN


def _faulty(waiver: Waiver, page: Page | None, covered: list[Answer], today: date) -> Complaint | None:
    """A suppression that is not honoured, whatever it covers."""
    if not waiver.rule:
        return Complaint("suppression-incomplete", waiver, "it names no rule: write ignore[rule-id]")
    if page is None:
        return Complaint("suppression-unused", waiver, f"no rule is named {waiver.rule}")
    if waiver.until == _NO_DATE:
        return Complaint("suppression-incomplete", waiver, f"{_shown(waiver)}: until= is no date (write YYYY-MM-DD)")
    if waiver.expired(today):
        return Complaint("suppression-expired", waiver, f"{_shown(waiver)} ended on {waiver.until}")
    dateless = waiver.until is None and any(severity_of(a, page).rank >= Severity.HIGH.rank for a in covered)
    if waiver.reason.strip() and not dateless:
        return None
    lack = "needs an end date (until=) from severity high on" if waiver.reason.strip() else "gives no reason"
    return Complaint("suppression-incomplete", waiver, f"{_shown(waiver)} {lack}")


def _shown(waiver: Waiver) -> str:
    return f"ignore[{waiver.rule}]"
