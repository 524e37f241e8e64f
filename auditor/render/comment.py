"""The report as Markdown that fits a comment on a pull request or the summary of a CI step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.model import Verdict
from auditor.render import labels
from auditor.render.safe_text import clip, one_line

if TYPE_CHECKING:
    from auditor.report import Finding, Report

_MAX_FINDINGS = 25
_MAX_UNKNOWN = 10
# What would make markup, a link, a mention or a new cell out of a repository's text.
_ACTIVE = re.compile(r"([\\`*_{}\[\]<>()#|~@&!])")


def render(report: Report) -> str:
    """Verdict, score, the checklist with denominators, the worst findings, and what was not checked."""
    found = labels.open_findings(report)
    lines = [
        f"## backend-audit: {_plain(labels.grade_words(report.score))}, score {_plain(labels.score_sentence(report))}",
        "",
        _plain(report.gate.reason),
        "",
        "| | Control | Verdict | Seen |",
        "|---|---|---|---|",
    ]
    for control in report.controls:
        mark = labels.VERDICTS[control.verdict]
        if control.verdict is not Verdict.NOT_ASKED:
            lines.append(f"| {mark.symbol} | {_plain(control.title)} | {mark.word} | {_plain(control.reason)} |")
    lines += ["", *_findings(found), *_unknown(report)]
    return "\n".join(lines) + "\n"


def _findings(found: list[Finding]) -> list[str]:
    if not found:
        return ["No open finding.", ""]
    lines = [f"### Findings ({len(found)})", "", "| Severity | Rule | What | Where |", "|---|---|---|---|"]
    lines += [
        f"| {f.severity} | {f.rule} | {_plain(clip(f'{f.subject}: {f.detail}', 200))} | {_plain(labels.place(f))} |"
        for f in found[:_MAX_FINDINGS]
    ]
    left = len(found) - _MAX_FINDINGS
    return [*lines, *([f"| | | and {left} more | |"] if left > 0 else []), ""]


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
