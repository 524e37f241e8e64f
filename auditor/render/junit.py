"""JUnit XML: one suite for each control, one case for each of its rules, as CI servers show them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from auditor.model import Outcome
from auditor.render.labels import counted, open_findings, place
from auditor.render.safe_text import visible

if TYPE_CHECKING:
    from auditor.report import Finding, Report, RuleResult

_SKIPPED = {Outcome.UNKNOWN, Outcome.NOT_APPLICABLE, Outcome.NOT_ASKED}
_MAX_LISTED = 100


def render(report: Report) -> str:
    """A rule that was not asked, does not apply or could not be answered is a skipped case: never a passed one."""
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in open_findings(report):
        found[finding.rule].append(finding)
    rules: dict[str, list[RuleResult]] = defaultdict(list)
    for rule in report.rules:
        rules[rule.control].append(rule)
    root = ET.Element("testsuites", name="backend-audit")
    titles = {control.id: control.title for control in report.controls}
    titles |= {own: "Rules of your own" for own in rules if own not in titles}
    for control, title in titles.items():
        _suite(root, control, title, rules[control], found)
    for name in ("tests", "failures", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(
    root: ET.Element, control: str, title: str, rules: list[RuleResult], found: dict[str, list[Finding]]
) -> None:
    suite = ET.SubElement(root, "testsuite", name=f"{control}: {title}")
    for rule in rules:
        case = ET.SubElement(suite, "testcase", classname=control, name=rule.id)
        if findings := found[rule.id]:
            _failure(case, rule, findings)
        elif rule.outcome in _SKIPPED:
            ET.SubElement(case, "skipped", message=visible(rule.reason or str(rule.outcome)))
    suite.set("tests", str(len(rules)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))


def _failure(case: ET.Element, rule: RuleResult, findings: list[Finding]) -> None:
    message = f"{rule.title}: {counted(len(findings), 'finding')}"
    failure = ET.SubElement(case, "failure", message=visible(message), type=str(findings[0].severity))
    lines = [f"{place(f)} [{f.severity}] {f.subject}: {f.detail}".lstrip() for f in findings[:_MAX_LISTED]]
    if len(findings) > _MAX_LISTED:
        lines.append(f"… and {len(findings) - _MAX_LISTED} more")
    failure.text = "\n" + visible("\n".join(lines)) + "\n"
