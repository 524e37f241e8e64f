"""The report as Markdown that fits a comment on a pull request or the summary of a CI step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.model import Verdict
from auditor.render import change_words, labels
from auditor.render.safe_text import clip, one_line

if TYPE_CHECKING:
    from auditor.report import Finding, Report

_MAX_FINDINGS = 25
_MAX_UNKNOWN = 10
# What would make markup, a link, a mention or a new cell out of a repository's text.
_ACTIVE = re.compile(r"([\\`*_{}\[\]<>()#|~@&!])")


def render(report: Report) -> str:
    """Verdict, score, the checklist with denominators, the worst findings, and what was not checked."""
    found = sorted(labels.open_findings(report), key=change_words.is_fresh, reverse=True)
    lines = [
        f"## backend-audit: {_plain(labels.grade_words(report.score))}, score {_plain(labels.score_sentence(report))}",
        "",
        _plain(report.gate.reason),
        "",
        *_compared(report),
        "| | Control | Verdict | Seen |",
        "|---|---|---|---|",
    ]
    for control in report.controls:
        mark = labels.VERDICTS[control.verdict]
        if control.verdict is not Verdict.NOT_ASKED:
            lines.append(f"| {mark.symbol} | {_plain(control.title)} | {mark.word} | {_plain(control.reason)} |")
    lines += ["", *_findings(found), *_fixed(report), *_unknown(report)]
    return "\n".join(lines) + "\n"


def _compared(report: Report) -> list[str]:
    """What changed, and what the change itself or the settings loosen: before anything else that a reviewer reads."""
    lines = [f"- {_plain(text)}" for text in change_words.sentences(report)]
    weakened = change_words.weakened_lines(report.comparison)
    lines += [f"- **This change weakens the audit:** {_plain(text)}" for text in weakened[:_MAX_FINDINGS]]
    lines += [f"- note: {_plain(text)}" for text in report.gate.notes]
    return [*lines, ""] if lines else []


def _findings(found: list[Finding]) -> list[str]:
    if not found:
        return ["No open finding.", ""]
    lines = [f"### Findings ({len(found)})", "", "| Severity | Rule | What | Where |", "|---|---|---|---|"]
    lines += [_row(finding) for finding in found[:_MAX_FINDINGS]]
    left = len(found) - _MAX_FINDINGS
    return [*lines, *([f"| | | and {left} more | |"] if left > 0 else []), ""]


def _row(finding: Finding) -> str:
    what = _marked(finding) + _plain(clip(f"{finding.subject}: {finding.detail}", 200))
    return f"| {finding.severity} | {finding.rule} | {what} | {_plain(labels.place(finding))} |"


def _marked(finding: Finding) -> str:
    mark = change_words.change_mark(finding)
    return f"**{mark}** " if mark else ""


def _fixed(report: Report) -> list[str]:
    if report.comparison is None or not report.comparison.fixed:
        return []
    shown = report.comparison.fixed[:_MAX_FINDINGS]
    lines = [f"- {item.severity} {item.rule}: {_plain(clip(item.subject, 160))}" for item in shown]
    left = len(report.comparison.fixed) - len(shown)
    more = [f"- and {left} more"] if left else []
    summary = f"<summary>Fixed since {_plain(report.comparison.ref)} ({len(report.comparison.fixed)})</summary>"
    return ["<details>", summary, "", *lines, *more, "", "</details>", ""]


def _unknown(report: Report) -> list[str]:
    if not report.not_checked:
        return []
    shown = report.not_checked[:_MAX_UNKNOWN]
    lines = [f"- {n.rule}: {_plain(clip(f'{n.subject or str()} {n.reason}'.strip(), 160))}" for n in shown]
    left = len(report.not_checked) - len(shown)
    more = [f"- and {left} more"] if left > 0 else []
    summary = f"<summary>Not checked ({len(report.not_checked)})</summary>"
    return ["<details>", summary, "", *lines, *more, "", "</details>", ""]


def _plain(text: str) -> str:
    return _ACTIVE.sub(r"\\\1", one_line(text))
