"""Findings as CSV, for a spreadsheet: no cell of it starts a formula."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from auditor.render.labels import by_severity
from auditor.render.safe_text import one_line

if TYPE_CHECKING:
    from auditor.report import Finding, Report

_COLUMNS = (
    "severity", "confidence", "status", "control", "rule", "subject", "detail", "path", "line", "database", "unit",
    "fingerprint",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render(report: Report) -> str:
    """One row for each finding, the worst first, the accepted ones too."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for finding in by_severity(report.findings):
        writer.writerow([_cell(value) for value in _values(finding)])
    return out.getvalue()


def _values(finding: Finding) -> tuple[object, ...]:
    place = finding.location
    return (
        finding.severity,
        finding.confidence,
        finding.status,
        finding.control,
        finding.rule,
        finding.subject,
        finding.detail,
        place.path if place else "",
        place.line if place else "",
        finding.database or "",
        finding.unit,
        finding.fingerprint,
    )


def _cell(value: object) -> str:
    text = one_line(str(value))
    return f"'{text}" if text.startswith(_FORMULA) else text
