"""What a scan is compared with, in sentences that the terminal, the Markdown summary and the HTML report share."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from auditor.render import labels

if TYPE_CHECKING:
    from auditor.report import Finding, Report
    from auditor.report_past import BaselineNote, Comparison, Trend, Weakening

FRESH = {"new", "worse", "returned"}
_FEW = 5


def is_fresh(finding: Finding) -> bool:
    return finding.change in FRESH


def sentences(report: Report) -> list[str]:
    """Everything that there is to say, one line each; none where the scan was compared with nothing."""
    lines = []
    if report.comparison:
        lines.append(comparison_words(report, report.comparison))
    if report.baseline:
        lines.append(baseline_words(report.baseline))
    if report.trend and report.trend.points:
        lines.append(trend_words(report, report.trend))
    return lines


def comparison_words(report: Report, found: Comparison) -> str:
    """`since main (1a2b3c4): 2 new (1 critical, 1 low), 1 fixed, 3 moved, 14 unchanged`."""
    commit = f" ({found.commit[:7]})" if found.commit and not found.commit.startswith(found.ref) else ""
    counts = [("new", found.new), ("worse", found.worse), ("returned", found.returned), ("fixed", len(found.fixed))]
    counts += [("moved", found.moved), ("unchanged", found.unchanged), ("not known", len(found.unsettled))]
    told = [f"{count} {word}{_severities(report, word)}" for word, count in counts if count or word in {"new", "fixed"}]
    return f"since {found.ref}{commit}: {', '.join(told)}"


def _severities(report: Report, word: str) -> str:
    """Of those that are open; what was accepted in the same change is said with them."""
    changed = [finding for finding in report.findings if finding.change == word and word in FRESH]
    counts = labels.severity_counts(finding for finding in changed if finding.status == "open")
    aside = Counter(finding.status for finding in changed if finding.status != "open")
    parts = [f"{count} {severity.value}" for severity, count in counts]
    parts += [f"{count} {status}" for status, count in sorted(aside.items())]
    return f" ({', '.join(parts)})" if parts else ""


def weakened_lines(found: Comparison | None) -> list[str]:
    return [weakening_words(item) for item in found.weakened] if found else []


def weakening_words(item: Weakening) -> str:
    return f"{item.detail} ({item.location.path}:{item.location.line})" if item.location else item.detail


def weakened_sentence(found: Comparison | None) -> str:
    """The change's own suppressions and settings, in one sentence; empty where it has none."""
    lines = weakened_lines(found)
    if not lines:
        return ""
    more = f"; and {len(lines) - _FEW} more" if len(lines) > _FEW else ""
    return f"this change weakens the audit: {'; '.join(lines[:_FEW])}{more}"


def baseline_words(note: BaselineNote) -> str:
    held = labels.counted(note.matched, "finding")
    words = f"baseline {note.path}: {held} set aside for the gate, and still in the score"
    stale = len(note.stale)
    entries = "1 entry matches" if stale == 1 else f"{stale} entries match"
    return words + (f"; {entries} nothing any more (`backend-audit baseline update`)" if stale else "")


def trend_words(report: Report, trend: Trend) -> str:
    """`score 61 → 72 over 4 earlier scans; 1 finding came back`."""
    last = trend.points[-1]
    past = labels.counted(len(trend.points), "earlier scan")
    words = f"score {int(last.score_min)} → {int(report.score.min)} since {last.time[:10]} ({past})"
    returned = sum(finding.change == "returned" for finding in report.findings)
    words += f"; {labels.counted(returned, 'finding')} came back" if returned else ""
    often = ", ".join(f"{item.rule} ({item.times} times)" for item in trend.recurring[:3])
    return words + (f"; recurring: {often}" if often else "")


def change_mark(finding: Finding) -> str:
    """`new`, `came back` …; nothing for what was there before."""
    words = {"new": "new", "worse": "worse", "returned": "came back", "moved": "moved"}
    return words.get(finding.change or "", "")
