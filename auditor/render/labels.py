"""The words and signs for verdicts, and the sentences that the terminal and the HTML report share.

A tone is the name of a colour; it never stands alone: every mark has a symbol and a word.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model import ExitCode, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.report import Cap, ControlResult, Endpoint, Finding, Gate, NotChecked, Report, Score


@dataclass(frozen=True, slots=True)
class Mark:
    """How a state is shown: `symbol` and `word` say it, `tone` colours it."""

    symbol: str
    word: str
    tone: str


VERDICTS = {
    Verdict.PASS: Mark("✓", "pass", "good"),
    Verdict.PARTIAL: Mark("◐", "partial", "warn"),
    Verdict.FAIL: Mark("✗", "fail", "bad"),
    Verdict.ACCEPTED: Mark("◇", "accepted", "warn"),
    Verdict.NOT_APPLICABLE: Mark("–", "not applicable", "mute"),  # noqa: RUF001 - a dash on purpose
    Verdict.UNKNOWN: Mark("?", "unknown", "open"),
    Verdict.NOT_ASKED: Mark("·", "not asked", "mute"),
}

SEVERITIES = tuple(reversed(Severity))


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The sums behind the score, before the caps."""

    weight: float
    points_min: float
    points_max: float

    @property
    def raw_min(self) -> float:
        return 100 * self.points_min / self.weight if self.weight else 0.0

    @property
    def raw_max(self) -> float:
        return 100 * self.points_max / self.weight if self.weight else 0.0


def arithmetic(score: Score) -> Arithmetic:
    return Arithmetic(
        sum(line.weight for line in score.lines),
        sum(line.points_min for line in score.lines),
        sum(line.points_max for line in score.lines),
    )


def grade_words(score: Score) -> str:
    return f"Grade {score.grade}" if score.grade else "Not graded"


def score_sentence(report: Report) -> str:
    """`72, up to 84 if the 3 unknown items pass`; figures are cut, not rounded, so that 89.9 is no 90."""
    low, high = int(report.score.min), int(report.score.max)
    unknown = sum(control.verdict is Verdict.UNKNOWN for control in report.controls)
    if low == high:
        return str(low)
    if not unknown:
        return f"{low} to {high}"
    items = "unknown item passes" if unknown == 1 else f"{unknown} unknown items pass"
    return f"{low}, up to {high} if the {items}"


@dataclass(frozen=True, slots=True)
class GateWords:
    """The gate's sentence in two parts, so that a page can print its verdict large and say it once."""

    mark: Mark
    reason: str


def gate_words(gate: Gate) -> GateWords:
    """`gate failed: 3 open findings …` as a mark and the rest of the sentence."""
    symbol, tone = {0: ("✓", "good"), ExitCode.INCOMPLETE: ("?", "open")}.get(gate.exit_code, ("✗", "bad"))
    head, _, rest = gate.reason.partition(": ")
    if head in {"gate passed", "gate failed", "incomplete"}:
        return GateWords(Mark(symbol, head.capitalize(), tone), rest)
    word = "Gate passed" if gate.exit_code == 0 else f"Exit code {gate.exit_code}"
    return GateWords(Mark(symbol, word, tone), gate.reason)


def coverage_words(score: Score) -> str:
    return f"{int(100 * score.coverage)} %"


def cap_sentence(cap: Cap) -> str:
    limit = "" if cap.limit is None else f" (at most {number(cap.limit)})"
    return f"{f'grade {cap.grade}' if cap.grade else 'not graded'}{limit}: {cap.reason}"


def figures(control: ControlResult) -> str:
    """Say what a control's verdict rests on, with its denominator: `3 of 14 tables`."""
    subjects = control.subjects
    if not subjects.total:
        return control.reason
    if re.search(r"\d of \d", control.reason):  # each rule's own denominator says more than their sum
        return control.reason
    count, word = _leading_count(control)
    return f"{count} of {subjects.total} {word}" + (f": {control.reason}" if control.reason else "")


def _leading_count(control: ControlResult) -> tuple[int, str]:
    subjects = control.subjects
    if subjects.failed:
        return subjects.failed, "failed"
    if subjects.unknown:
        return subjects.unknown, "not known"
    return subjects.ok, "ok"


def open_findings(report: Report) -> list[Finding]:
    """List the open findings, the most severe and best proved first."""
    return by_severity(finding for finding in report.findings if finding.status == "open")


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (-finding.severity.rank, -finding.confidence.rank))


def severity_counts(findings: Iterable[Finding]) -> list[tuple[Severity, int]]:
    counts = Counter(finding.severity for finding in findings)
    return [(severity, counts[severity]) for severity in SEVERITIES if counts[severity]]


def commonest_reason(rows: Iterable[NotChecked]) -> tuple[str, int]:
    return Counter(row.reason for row in rows).most_common(1)[0]


def place(finding: Finding | NotChecked | Endpoint) -> str:
    """`path:line`, or nothing where no file is to blame."""
    return f"{finding.location.path}:{finding.location.line}" if finding.location else ""


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def number(value: float) -> str:
    """Write a figure without needless decimals: `7.5`, `10`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def formula(name: str, points: float, weight: float, result: float) -> str:
    return f"{name}: 100 × {number(points)} ÷ {number(weight)} = {number(result)}"  # noqa: RUF001 - a times sign
