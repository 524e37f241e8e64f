"""Verdicts to a score: points per control, never per finding, so that volume cannot dilute a hole. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from auditor.model import Severity, Verdict
from auditor.report import Cap, Score, ScoreLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.judge import Judged

SCORING_VERSION = "1"
POINTS = {
    Severity.CRITICAL: 10.0,
    Severity.HIGH: 7.5,
    Severity.MEDIUM: 5.0,
    Severity.LOW: 2.5,
    Severity.INFO: 0.0,
}
_LEFT_OUT = {Verdict.NOT_APPLICABLE, Verdict.NOT_ASKED}
_LIMITS = {"F": 39.0, "D": 69.0, "C": 79.0}
_MIN_COVERAGE = 0.6
_Grade = Literal["A", "B", "C", "D", "F"]
_STEPS: tuple[tuple[float, _Grade], ...] = ((90, "A"), (80, "B"), (70, "C"), (50, "D"), (0, "F"))


def weigh(controls: Sequence[Judged], *, partial_scan: bool) -> Score:
    """The score from 0 to 100; `partial_scan` (`--only`) leaves it ungraded."""
    lines = [_line(judged) for judged in controls if judged.verdict not in _LEFT_OUT]
    total = sum(line.weight for line in lines)
    unknown = sum(line.weight for line in lines if line.points_min != line.points_max)
    coverage = (total - unknown) / total if total else 0.0
    low, high = (sum(points) * 100 / total if total else 0.0 for points in _columns(lines))
    caps = _caps(controls, coverage, partial_scan=partial_scan)
    # An unknown control may still pass, so its cap holds down the certain part only.
    hard = [cap.limit for cap in caps if cap.limit is not None and cap.grade != "C"]
    low = min([low, *(cap.limit for cap in caps if cap.limit is not None)])
    high = max(low, min([high, *hard]))
    ungraded = not lines or any(cap.grade is None for cap in caps)
    grade = None if ungraded else next(letter for least, letter in _STEPS if low >= least)
    return Score(
        min=round(low, 1),
        max=round(high, 1),
        grade=grade,
        coverage=round(coverage, 3),
        caps=caps,
        lines=lines,
    )


def _columns(lines: list[ScoreLine]) -> tuple[list[float], list[float]]:
    return [line.points_min for line in lines], [line.points_max for line in lines]


def _line(judged: Judged) -> ScoreLine:
    weight = POINTS[judged.control.weight]
    low, high, reason = _points(judged, weight)
    return ScoreLine(
        control=judged.control.id,
        weight=weight,
        points_min=round(low, 2),
        points_max=round(high, 2),
        reason=reason,
    )


def _points(judged: Judged, weight: float) -> tuple[float, float, str]:
    if judged.verdict in {Verdict.PASS, Verdict.ACCEPTED}:
        return weight, weight, judged.verdict.value
    if judged.verdict is Verdict.UNKNOWN:
        return 0.0, weight, "unknown: none for certain, all if it passes"
    if judged.verdict is Verdict.FAIL:
        return 0.0, 0.0, "fail"
    share = f"{judged.subjects.ok} of {judged.subjects.total} ok"
    if judged.control.share and judged.failed_at_threshold:
        part = weight * 0.5 * judged.share_ok
        return part, part, f"half of the share: {share}"
    part = weight * (0.5 + 0.5 * judged.share_ok)
    return part, part, f"only minor findings: {share}"


def _caps(controls: Sequence[Judged], coverage: float, *, partial_scan: bool) -> list[Cap]:
    def named(verdict: Verdict, weight: Severity) -> list[str]:
        return [j.control.id for j in controls if j.verdict is verdict and j.control.weight is weight]

    caps = []
    if failed := named(Verdict.FAIL, Severity.CRITICAL):
        caps.append(_cap("F", f"a critical control failed: {', '.join(failed)}"))
    if proved := [judged.control.id for judged in controls if judged.proved_exploit]:
        caps.append(_cap("F", f"a hole was proved: {', '.join(proved)}"))
    if failed := named(Verdict.FAIL, Severity.HIGH):
        caps.append(_cap("D", f"a control of high weight failed: {', '.join(failed)}"))
    if unknown := named(Verdict.UNKNOWN, Severity.CRITICAL):
        caps.append(_cap("C", f"a critical control is unknown: {', '.join(unknown)}"))
    if coverage < _MIN_COVERAGE:
        caps.append(Cap(grade=None, limit=None, reason=f"only {int(coverage * 100)} % of the weight is known"))
    if partial_scan:
        caps.append(Cap(grade=None, limit=None, reason="only a part of the rules was asked"))
    return caps


def _cap(grade: str, reason: str) -> Cap:
    return Cap(grade=grade, limit=_LIMITS[grade], reason=reason)
