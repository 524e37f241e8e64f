"""The lists of the HTML report, gathered in one pass each: ten thousand findings are a common worst case."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.model import Outcome
from auditor.render.labels import VERDICTS, Mark, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.report import Finding, NotChecked, Report
    from auditor.rulebook import Rulebook


@dataclass(slots=True)
class RuleGroup:
    """The findings of one rule, the most severe first, with what its page says."""

    rule: str
    title: str
    control: str
    control_title: str
    description: str
    cwe: tuple[int, ...]
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class UncheckedGroup:
    """What one rule did not look at, gathered by reason."""

    rule: str
    title: str
    control: str
    control_title: str
    reasons: list[tuple[str, list[NotChecked]]]


@dataclass(frozen=True, slots=True)
class Link:
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class VerdictCount:
    mark: Mark
    count: int


@dataclass(frozen=True, slots=True)
class Section:
    """An entry of the contents; `count` is None where the section is no list."""

    anchor: str
    title: str
    count: int | None


def rule_groups(findings: Sequence[Finding], report: Report, rulebook: Rulebook) -> list[RuleGroup]:
    """Gather findings, sorted by severity, under their rules: the rule with the worst one comes first."""
    titles = _control_titles(report)
    groups: dict[str, RuleGroup] = {}
    for finding in findings:
        if finding.rule not in groups:
            groups[finding.rule] = _group(finding, titles, rulebook)
        groups[finding.rule].findings.append(finding)
    return list(groups.values())


def _group(finding: Finding, titles: dict[str, str], rulebook: Rulebook) -> RuleGroup:
    page = rulebook.page(finding.rule)
    return RuleGroup(
        rule=finding.rule,
        title=page.title if page else finding.title,
        control=finding.control,
        control_title=titles.get(finding.control, finding.control),
        description=page.description if page else "",
        cwe=page.cwe if page else (),
    )


def not_checked_groups(report: Report, rulebook: Rulebook) -> list[UncheckedGroup]:
    titles = _control_titles(report)
    by_rule: dict[str, dict[str, list[NotChecked]]] = {}
    for row in report.not_checked:
        by_rule.setdefault(row.rule, {}).setdefault(row.reason, []).append(row)
    return [_unchecked(rule, list(reasons.items()), titles, rulebook) for rule, reasons in by_rule.items()]


def _unchecked(
    rule: str, reasons: list[tuple[str, list[NotChecked]]], titles: dict[str, str], rulebook: Rulebook
) -> UncheckedGroup:
    page = rulebook.page(rule)
    control = reasons[0][1][0].control
    title = page.title if page else rule
    return UncheckedGroup(rule, title, control, titles.get(control, control), reasons)


def _control_titles(report: Report) -> dict[str, str]:
    return {"own-rules": "Rules of your own"} | {control.id: control.title for control in report.controls}


def jump_links(report: Report) -> dict[str, list[Link]]:
    """For each control, where its findings and its unknown items stand."""
    places: dict[str, Counter[tuple[str, str, str]]] = {}
    for finding in report.findings:
        anchor, words = ("r", "open") if finding.status == "open" else ("a", finding.status)
        places.setdefault(finding.control, Counter())[anchor, words, finding.rule] += 1
    for row in report.not_checked:
        places.setdefault(row.control, Counter())["n", "not checked", row.rule] += 1
    return {
        control: [
            Link(f"{anchor}={rule}", f"{rule}: {count} {words}") for (anchor, words, rule), count in counts.items()
        ]
        for control, counts in places.items()
    }


def verdict_counts(report: Report) -> list[VerdictCount]:
    counts = Counter(control.verdict for control in report.controls)
    return [VerdictCount(mark, counts[verdict]) for verdict, mark in VERDICTS.items() if counts[verdict]]


def sections(report: Report) -> list[Section]:
    """List the contents in the order of the page, without the sections that are missing."""
    states = Counter("open" if finding.status == "open" else "set aside" for finding in report.findings)
    outcomes = Counter(rule.outcome for rule in report.rules)
    return [
        Section("summary", "Summary", None),
        Section("checklist", "Checklist", len(report.controls)),
        Section("failed", "Open findings", states["open"]),
        Section("not-checked", "Not checked", len(report.not_checked)),
        *([Section("accepted", "Accepted", states["set aside"])] if states["set aside"] else ()),
        Section("passed", "Passed rules", outcomes[Outcome.PASS]),
        Section("not-applicable", "Not applicable", outcomes[Outcome.NOT_APPLICABLE]),
        *([Section("access", "Access matrix", None)] if report.access else ()),
        *([Section("endpoints", "Endpoints", len(report.endpoints))] if report.endpoints else ()),
        Section("evidence", "Evidence", len(report.evidence)),
    ]


def subjects_of(rows: Sequence[NotChecked]) -> str:
    named = sum(row.subject is not None for row in rows)
    return counted(named, "subject") if named else "the whole rule"


def paths_of(rows: Sequence[NotChecked]) -> str:
    return " ".join(dict.fromkeys(row.location.path for row in rows if row.location))


def fact_words(value: str | float | list[str]) -> str:
    """Put a fact of a source in words: a list is joined, a switch is yes or no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)
