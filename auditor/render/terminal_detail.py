"""The long parts of the terminal report: findings with their frames, what was not checked, the arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.render import labels
from auditor.render.change_words import change_mark
from auditor.render.frames import frame_lines
from auditor.render.screen import SEVERITY_STYLES, TONES

if TYPE_CHECKING:
    from auditor.render.screen import Screen
    from auditor.report import Finding, NotChecked, Report

_INDENT = 4


def write_findings(report: Report, screen: Screen) -> None:
    """Every finding, those that are accepted or in the baseline after the open ones."""
    ranked = sorted(labels.by_severity(report.findings), key=lambda finding: finding.status != "open")
    screen.blank()
    screen.line((labels.counted(len(ranked), "finding"), "bold"))
    for finding in ranked:
        screen.blank()
        _finding(finding, screen)


def _finding(finding: Finding, screen: Screen) -> None:
    screen.line(
        (f"{finding.severity.value}[{finding.rule}]", SEVERITY_STYLES[finding.severity]),
        (f" {finding.title}: {finding.subject}", "bold"),
    )
    for parts in frame_lines(finding, screen.width):
        screen.line(*parts, fit="cut")
    screen.block(finding.detail, indent=_INDENT)
    screen.line(("confidence: ", "dim"), (_confidence(finding), ""), indent=_INDENT)
    if mark := change_mark(finding):
        why = f": {finding.change_reason}" if finding.change_reason else ""
        screen.line((f"{mark}{why}", TONES["warn"]), indent=_INDENT)
    if finding.status != "open" or finding.status_reason:
        reason = f": {finding.status_reason}" if finding.status_reason else ""
        screen.line((f"{finding.status}{reason}", TONES["warn"]), indent=_INDENT)
    screen.block(f"fix: {finding.fix}", indent=_INDENT)
    _proof(finding, screen)


def _confidence(finding: Finding) -> str:
    sources = f" ({', '.join(finding.sources)})" if finding.sources else ""
    return f"{finding.confidence.value}{sources}"


def _proof(finding: Finding, screen: Screen) -> None:
    if not (proof := finding.proof):
        return
    for title, text in (("proof", proof.script), ("seen", proof.seen), ("expected", proof.expected)):
        screen.line((f"{title}:", "dim"), indent=_INDENT)
        screen.block(text, indent=_INDENT + 2, fit="keep")


def write_not_checked(report: Report, screen: Screen) -> None:
    """Write what was not looked at, gathered by rule and reason."""
    if not report.not_checked:
        return
    groups: dict[tuple[str, str], list[NotChecked]] = {}
    for row in report.not_checked:
        groups.setdefault((row.rule, row.reason), []).append(row)
    screen.blank()
    screen.line((f"Not checked: {labels.counted(len(report.not_checked), 'subject')}", f"bold {TONES['open']}"))
    for (rule, reason), rows in groups.items():
        screen.line((f"{rule}: ", "bold"), (reason, ""), indent=2)
        for row in rows:
            if row.subject:
                screen.line((f"{row.subject}  ", ""), (labels.place(row), "dim"), indent=_INDENT)


def write_score(report: Report, screen: Screen) -> None:
    """Write the arithmetic: points of each control, their sum, and the caps on it."""
    sums = labels.arithmetic(report.score)
    screen.blank()
    screen.line(
        (
            "The score: points of each control; an unknown one counts 0 in the least and all in the most",
            "bold",
        )
    )
    screen.line((f"{'weight':>8} {'least':>7} {'most':>7}  control", "dim"), indent=2)
    for line in report.score.lines:
        points = _columns(line.weight, line.points_min, line.points_max)
        screen.line((points, ""), (line.control, ""), (f"  {line.reason}", "dim"), fit="cut", indent=2)
    screen.line((_columns(sums.weight, sums.points_min, sums.points_max), "bold"), ("sum", "bold"), indent=2)
    screen.line((labels.formula("least", sums.points_min, sums.weight, sums.raw_min), ""), indent=2)
    screen.line((labels.formula("most", sums.points_max, sums.weight, sums.raw_max), ""), indent=2)
    for cap in report.score.caps:
        screen.line((f"cap: {labels.cap_sentence(cap)}", ""), indent=2)
    result = f"= {labels.grade_words(report.score)}, {labels.score_sentence(report)}"
    screen.line((result, "bold"), indent=2)


def _columns(weight: float, least: float, most: float) -> str:
    return f"{labels.number(weight):>8} {labels.number(least):>7} {labels.number(most):>7}  "
