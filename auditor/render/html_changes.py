"""The part of the HTML report that says what the scan is compared with: sentences, what is gone, and the trend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.render.change_words import sentences, weakened_lines

if TYPE_CHECKING:
    from auditor.report import Report
    from auditor.report_past import PastFinding

_WIDTH, _HEIGHT = 620.0, 60.0


@dataclass(frozen=True, slots=True)
class Dot:
    """One scan on the line of the trend."""

    x: float
    y: float
    score: int
    words: str


def changes_view(report: Report) -> dict[str, object]:
    dots = _dots(report)
    return {
        "compared": sentences(report),
        "weakened": weakened_lines(report.comparison),
        "past_findings": _past(report),
        "trend_points": dots,
        "trend_line": " ".join(f"{dot.x},{dot.y}" for dot in dots),
    }


def _past(report: Report) -> list[tuple[str, list[PastFinding]]]:
    """What is in this report by name only, since it is not there any more."""
    parts: list[tuple[str, list[PastFinding]]] = []
    if report.comparison:
        parts += [
            (f"Fixed since {report.comparison.ref}", report.comparison.fixed),
            (f"Open at {report.comparison.ref}, not known now", report.comparison.unsettled),
        ]
    if report.baseline:
        parts.append(("Entries of the baseline that match nothing any more", report.baseline.stale))
    return [(title, items) for title, items in parts if items]


def _dots(report: Report) -> list[Dot]:
    if report.trend is None or not report.trend.points:
        return []
    past = [(point.score_min, f"{point.time[:10]}: {int(point.score_min)}") for point in report.trend.points]
    scores = [*past, (report.score.min, f"this scan: {int(report.score.min)}")]
    step = _WIDTH / (len(scores) - 1)
    return [
        Dot(round(number * step, 1), round(_HEIGHT * (1 - score / 100), 1), int(score), words)
        for number, (score, words) in enumerate(scores)
    ]
