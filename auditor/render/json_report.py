"""The report as JSON: the contract itself, written so that two runs can be compared byte by byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.report import Report


def render(report: Report) -> str:
    return report.model_dump_json(indent=2) + "\n"
