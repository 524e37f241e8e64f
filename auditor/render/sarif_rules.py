"""The rules of a SARIF run: what a host shows beside a result, taken from the rule's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.model import Confidence, Severity

if TYPE_CHECKING:
    from auditor.report import Report
    from auditor.rulebook import Page, Rulebook

LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
# GitHub orders alerts by this figure and takes it as a string.
_SECURITY_SEVERITY = {
    Severity.CRITICAL: "9.0",
    Severity.HIGH: "7.0",
    Severity.MEDIUM: "4.0",
    Severity.LOW: "2.0",
    Severity.INFO: "0.0",
}
_PRECISION = {Confidence.PROVED: "very-high", Confidence.INFERRED: "high", Confidence.SUSPECTED: "medium"}


def descriptor(rule: str, report: Report, rulebook: Rulebook) -> dict[str, Any]:
    page = rulebook.page(rule)
    return _from_page(rule, page) if page else _without_page(rule, report)


def _from_page(rule: str, page: Page) -> dict[str, Any]:
    return {
        "id": rule,
        "name": _pascal_case(rule),
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": page.description},
        "help": {"text": f"{page.description}\n\nFix. {page.fix}", "markdown": page.markdown},
        "defaultConfiguration": {"level": LEVELS[page.severity]},
        "properties": {
            "tags": _tags(page),
            "precision": _PRECISION[page.confidence],
            "security-severity": _SECURITY_SEVERITY[page.severity],
            "control": page.control,
            "kind": page.kind.value,
        },
    }


def _tags(page: Page) -> list[str]:
    """`external/cwe/cwe-079` with three digits is the form that GitHub filters by."""
    return list(dict.fromkeys(["security", *(f"external/cwe/cwe-{cwe:03d}" for cwe in page.cwe), *page.tags]))


def _without_page(rule: str, report: Report) -> dict[str, Any]:
    """Describe a rule that the tool itself raises: it has no page, its findings say what it is called."""
    found = [finding for finding in report.findings if finding.rule == rule]
    titles = [result.title for result in report.rules if result.id == rule] + [row.title for row in found]
    severity = max((finding.severity for finding in found), key=lambda each: each.rank, default=Severity.INFO)
    return {
        "id": rule,
        "name": _pascal_case(rule),
        "shortDescription": {"text": next(iter(titles), rule)},
        "defaultConfiguration": {"level": LEVELS[severity]},
        "properties": {"tags": ["security"], "security-severity": _SECURITY_SEVERITY[severity]},
    }


def _pascal_case(rule: str) -> str:
    return "".join(word.capitalize() for word in rule.split("-"))
