"""GitLab's two formats: code quality (the merge request's widget) and SAST (the security dashboard)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from auditor.model import Severity
from auditor.render.labels import open_findings
from auditor.render.safe_text import visible

if TYPE_CHECKING:
    from auditor.report import Finding, Report

_QUALITY = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFO: "info",
}
_SCHEMA = "15.0.7"
_NOWHERE = "."  # both formats want a path; a finding about a server has none


def render_codequality(report: Report, prefix: str = "") -> str:
    """A list of issues with lasting fingerprints; `prefix` leads from the git top level to what was scanned."""
    return _dump([_issue(finding, prefix) for finding in open_findings(report)])


def _issue(finding: Finding, prefix: str) -> dict[str, Any]:
    return {
        "description": visible(f"{finding.title}: {finding.subject}: {finding.detail}"),
        "check_name": finding.rule,
        "fingerprint": finding.fingerprint,
        "severity": _QUALITY[finding.severity],
        "location": {
            "path": _path(finding, prefix),
            "lines": {"begin": finding.location.line if finding.location else 1},
        },
    }


def render_sast(report: Report, prefix: str = "") -> str:
    """A security report; the scan's time is the time of writing, for the format wants one."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    tool = {
        "id": report.tool.name,
        "name": report.tool.name,
        "version": report.tool.version,
        "vendor": {"name": report.tool.name},
    }
    scan = {
        "analyzer": tool,
        "scanner": tool,
        "type": "sast",
        "start_time": now,
        "end_time": now,
        "status": "success" if report.gate.exit_code in {0, 1, 4} else "failure",
    }
    found = [_vulnerability(finding, prefix) for finding in open_findings(report)]
    return _dump({"version": _SCHEMA, "scan": scan, "vulnerabilities": found})


def _vulnerability(finding: Finding, prefix: str) -> dict[str, Any]:
    location: dict[str, Any] = {"file": _path(finding, prefix)}
    if finding.location:
        location["start_line"] = finding.location.line
        location["end_line"] = finding.location.end_line or finding.location.line
    rule = {"type": "backend_audit_rule", "name": finding.rule, "value": finding.rule}
    return {
        "id": finding.fingerprint,
        "category": "sast",
        "name": visible(f"{finding.title}: {finding.subject}")[:255],
        "description": visible(finding.detail),
        "severity": str(finding.severity).capitalize(),
        "solution": visible(finding.fix)[:7000],
        "location": location,
        "identifiers": [rule],
    }


def _path(finding: Finding, prefix: str) -> str:
    return str(PurePosixPath(prefix, finding.location.path)) if finding.location else prefix or _NOWHERE


def _dump(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
