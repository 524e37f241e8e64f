"""Workflow commands of GitHub Actions: each open finding as an annotation of its line."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.model import Severity
from auditor.render.labels import open_findings
from auditor.render.safe_text import visible

if TYPE_CHECKING:
    from auditor.report import Finding, Report

_COMMANDS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning"}
# The service shows ten annotations of each level in a step, and fifty of a run.
_MAX = 50


def render(report: Report, prefix: str = "") -> str:
    """The worst first; what is left out is counted in the last line, as is the gate's sentence. `prefix` is the scanned
    folder's path below the git top level, which the service takes file names from.
    """
    found = open_findings(report)
    lines = [_line(finding, prefix) for finding in found[:_MAX]]
    if len(found) > _MAX:
        lines.append(f"::notice title=backend-audit::{len(found) - _MAX} more findings are in the other reports")
    level = "error" if report.gate.exit_code else "notice"
    lines.append(f"::{level} title=backend-audit::{_data(report.gate.reason)}")
    return "\n".join(lines) + "\n"


def _line(finding: Finding, prefix: str) -> str:
    command = _COMMANDS.get(finding.severity, "notice")
    properties = {"title": f"{finding.severity}: {finding.rule}"}
    if finding.location:
        properties |= {"file": str(PurePosixPath(prefix, finding.location.path)), "line": str(finding.location.line)}
        if finding.location.end_line:
            properties["endLine"] = str(finding.location.end_line)
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{command} {listed}::{_data(f'{finding.subject}: {finding.detail}')}"


def _data(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
