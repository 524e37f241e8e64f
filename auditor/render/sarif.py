"""SARIF 2.1.0: one run, for code scanning hosts and for every viewer that reads the format."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from auditor.render.labels import by_severity
from auditor.render.safe_text import one_line, visible
from auditor.render.sarif_notes import notifications
from auditor.render.sarif_rules import LEVELS, descriptor

if TYPE_CHECKING:
    from auditor.report import Finding, Location, Report
    from auditor.rulebook import Rulebook

# GitHub shows the first 5,000 results of a run and refuses runs of more than 25,000.
MAX_RESULTS = 5_000
# Exit codes of a scan that ran to its end, whatever it found (2, 3 and 5: it did not).
_COMPLETED = {0, 1, 4}
_ROOT = "%SRCROOT%"
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_BASELINE_STATES = {
    "new": "new", "returned": "new", "worse": "updated", "moved": "updated", "unchanged": "unchanged",
}  # fmt: skip


def render(report: Report, rulebook: Rulebook, prefix: str = "") -> str:
    """`prefix` is the scanned folder's path below the git top level: hosts resolve locations from there."""
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(report, rulebook, prefix)]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _run(report: Report, rulebook: Rulebook, prefix: str) -> dict[str, Any]:
    index = {rule: n for n, rule in enumerate(_rules_asked(report))}
    shown = _most_severe(report)
    category = PurePosixPath("backend-audit", prefix)
    return {
        "tool": {"driver": _driver(report, rulebook, list(index))},
        # A host keeps one set of alerts per category, the part before the last slash: one per scanned folder.
        "automationDetails": {"id": f"{category}/"},
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The top level of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report, index, len(report.findings) - len(shown))],
        "results": [_result(finding, index, prefix) for finding in shown],
        "properties": _run_properties(report),
    }


def _rules_asked(report: Report) -> list[str]:
    asked = [rule.id for rule in report.rules if rule.outcome != "not_asked"]
    return list(dict.fromkeys([*asked, *(finding.rule for finding in report.findings)]))


def _most_severe(report: Report) -> list[Finding]:
    """Choose the results: open ones first, so that truncation takes the accepted ones before them."""
    ranked = sorted(by_severity(report.findings), key=lambda finding: finding.status != "open")
    return ranked[:MAX_RESULTS]


def _driver(report: Report, rulebook: Rulebook, rules: list[str]) -> dict[str, Any]:
    return {
        "name": report.tool.name,
        "version": report.tool.version,
        "semanticVersion": report.tool.version,
        "rules": [descriptor(rule, report, rulebook) for rule in rules],
    }


def _invocation(report: Report, index: dict[str, int], truncated: int) -> dict[str, Any]:
    return {
        "executionSuccessful": report.gate.exit_code in _COMPLETED,
        "exitCode": report.gate.exit_code,
        "exitCodeDescription": visible(report.gate.reason),
        "toolExecutionNotifications": notifications(report, index, truncated, MAX_RESULTS),
    }


def _run_properties(report: Report) -> dict[str, Any]:
    score = report.score
    return {
        "grade": score.grade,
        "scoreMin": score.min,
        "scoreMax": score.max,
        "coverage": score.coverage,
        "scoringVersion": report.scoring_version,
        "commit": report.target.commit,
    }


def _result(finding: Finding, index: dict[str, int], prefix: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": LEVELS[finding.severity],
        "message": {"text": _plain(_sentence(finding)), "markdown": _markdown(finding)},
        "locations": [_location(finding, prefix)],
        "partialFingerprints": {"backendAudit/v1": finding.fingerprint},
        "properties": _properties(finding),
    }
    if finding.status == "accepted":
        result["suppressions"] = [_suppression(finding)]
    if finding.status == "baselined":
        result["baselineState"] = "unchanged"
    elif finding.change:
        result["baselineState"] = _BASELINE_STATES[finding.change]
    return result


def _sentence(finding: Finding) -> str:
    return visible(f"{finding.title}: {finding.subject}\n{finding.detail}".strip())


def _plain(text: str) -> str:
    """Escape `[text](target)`, which SARIF makes a link of even in plain messages."""
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]") if "](" in text else text


def _markdown(finding: Finding) -> str:
    """Write the sentence and the transcript in fences, where nothing that the repository says is markup."""
    parts = [_fenced(_sentence(finding))]
    if proof := finding.proof:
        titled = (
            ("Proof: run this", proof.script),
            ("Seen", proof.seen),
            ("A sound backend shows", proof.expected),
        )
        parts += [f"**{title}**\n\n{_fenced(visible(text))}" for title, text in titled]
    return "\n\n".join(parts)


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"


def _location(finding: Finding, prefix: str) -> dict[str, Any]:
    location: dict[str, Any] = {}
    if finding.location:
        location["physicalLocation"] = _physical(finding, finding.location, prefix)
    if finding.object or not finding.location:
        location["logicalLocations"] = [_logical(finding)]
    return location


def _physical(finding: Finding, where: Location, prefix: str) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": max(1, where.line)}
    if where.end_line and where.end_line >= where.line:
        region["endLine"] = where.end_line
    physical: dict[str, Any] = {
        "artifactLocation": {"uri": quote(str(PurePosixPath(prefix, where.path))), "uriBaseId": _ROOT},
        "region": region,
    }
    lines = [line.number for line in finding.frame]
    # A context region must be a proper superset of the region.
    if lines and 1 <= lines[0] <= where.line and lines[-1] >= (where.end_line or where.line) and len(lines) > 1:
        snippet = "\n".join(visible(line.text) for line in finding.frame)
        physical["contextRegion"] = {
            "startLine": lines[0],
            "endLine": lines[-1],
            "snippet": {"text": snippet},
        }
    return physical


def _logical(finding: Finding) -> dict[str, Any]:
    """Name the database object; its kind is the first word of the subject (`table public.notes`)."""
    kind, _, identity = one_line(finding.subject).partition(" ")
    name = one_line(finding.object or identity or kind)
    where = f"{one_line(finding.database)}/{name}" if finding.database else name
    return {"name": name, "fullyQualifiedName": where, "kind": kind if finding.object else "resource"}


def _suppression(finding: Finding) -> dict[str, Any]:
    reason = visible(finding.status_reason or "accepted")
    return {"kind": "external", "status": "accepted", "justification": reason}


def _properties(finding: Finding) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "control": finding.control,
        "subject": visible(finding.subject),
        "unit": visible(finding.unit),
        "status": finding.status,
    }
    if proof := finding.proof:
        properties["proof"] = {key: visible(text) for key, text in proof.model_dump().items()}
    return properties
