"""What earlier scans tell of this one: how the score went, what was fixed and came back, what recurs. Pure.

The present scan is never a point of its own trend, and scans that came to the same are one: so a report does not depend
on how often the same tree was scanned.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from auditor.model import Outcome, Severity
from auditor.report_past import Recurring, Trend, TrendPoint
from auditor.sources.history import Known, Scan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.report import Finding, Report

_OFTEN = 2
_SHOWN = 50


def scan_of(report: Report, scope: str, time: str) -> Scan:
    """What is kept of a report: no text of the repository but the names of rules."""
    findings = {f.fingerprint: Known(f.rule, f.severity.value, f.status) for f in report.findings}
    score = report.score
    facts = [report.target.commit, score.min, score.max, score.grade, sorted(findings), *_counts(findings).items()]
    unanswered = {rule.id for rule in report.rules if rule.outcome in {Outcome.UNKNOWN, Outcome.NOT_ASKED}}
    return Scan(
        scope=scope,
        state=hashlib.sha256(json.dumps([facts, sorted(unanswered)]).encode()).hexdigest()[:32],
        time=time,
        commit=report.target.commit,
        score_min=score.min,
        score_max=score.max,
        grade=score.grade,
        unanswered=frozenset(unanswered),
        findings=findings,
    )


def earlier(scans: Sequence[Scan], present: Scan) -> list[Scan]:
    """The scans of the same scope, without a last one that came to the same as the present one."""
    found = [scan for scan in scans if scan.scope == present.scope]
    return found[:-1] if found and found[-1].state == present.state else found


def with_trend(report: Report, scans: Sequence[Scan], present: Scan) -> Report:
    before = earlier(scans, present)
    points = [point_of(scan) for scan in before[-_SHOWN:]]
    trend = Trend(points=points, recurring=recurring([*before, present]))
    findings = [_returned(finding, before) for finding in report.findings]
    changed: dict[str, object] = {"trend": trend, "findings": findings}
    if report.comparison:
        again = sum(f.change == "returned" for f in findings)
        fresh = sum(f.change == "new" for f in findings)
        changed["comparison"] = report.comparison.model_copy(update={"returned": again, "new": fresh})
    return report.model_copy(update=changed)


def point_of(scan: Scan) -> TrendPoint:
    return TrendPoint(
        time=scan.time,
        commit=scan.commit,
        score_min=scan.score_min,
        score_max=scan.score_max,
        grade=scan.grade,
        findings=_counts(scan.findings),
    )


def _counts(findings: Mapping[str, Known]) -> dict[Severity, int]:
    """Open findings by severity, the most severe first."""
    counts = Counter(known.severity for known in findings.values() if known.status == "open")
    return {severity: counts[severity.value] for severity in reversed(Severity) if counts[severity.value]}


def _returned(finding: Finding, before: Sequence[Scan]) -> Finding:
    """One that the last scan did not have, and an earlier one had: it was fixed, and came back."""
    if finding.change not in {None, "new"} or not before or finding.fingerprint in before[-1].findings:
        return finding
    seen = [number for number, scan in enumerate(before) if finding.fingerprint in scan.findings]
    fixed = [scan for scan in before[seen[-1] + 1 :] if finding.rule not in scan.unanswered] if seen else []
    if not fixed:
        return finding
    reason = f"fixed on {fixed[0].time[:10]}, came back"
    return finding.model_copy(update={"change": "returned", "change_reason": reason})


def recurring(scans: Sequence[Scan]) -> list[Recurring]:
    """Rules of which one scan after another brought new findings: a habit, and no slip."""
    times: Counter[str] = Counter()
    for last, scan in pairwise(scans):
        fresh = {item.rule for name, item in scan.findings.items() if name not in last.findings}
        times.update(fresh - last.unanswered)
    found = [Recurring(rule=rule, times=count) for rule, count in times.items() if count >= _OFTEN]
    return sorted(found, key=lambda item: (-item.times, item.rule))
