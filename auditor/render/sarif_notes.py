"""What a SARIF run says about itself: everything that was not looked at, so that silence is no pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.render.labels import counted
from auditor.render.safe_text import visible

if TYPE_CHECKING:
    from auditor.report import Report

_SUBJECTS_NAMED = 5


def notifications(report: Report, index: dict[str, int], truncated: int, limit: int) -> list[dict[str, Any]]:
    return [*_truncation(truncated, limit), *_evidence(report), *_not_checked(report, index)]


def _truncation(truncated: int, limit: int) -> list[dict[str, Any]]:
    if not truncated:
        return []
    text = f"Only the {limit} most severe results are in this file; {counted(truncated, 'result')} left out."
    return [_note("results-truncated", "warning", text)]


def _evidence(report: Report) -> list[dict[str, Any]]:
    return [
        _note("evidence", "warning", f"Evidence {note.status}: {note.source}. {note.reason or ''}".strip())
        for note in report.evidence
        if note.status != "available"
    ]


def _not_checked(report: Report, index: dict[str, int]) -> list[dict[str, Any]]:
    """One notification for each rule and reason, however many subjects share it."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in report.not_checked:
        named = groups.setdefault((row.rule, row.reason), [])
        if row.subject:
            named.append(row.subject)
    return [_one_reason(rule, reason, named, index) for (rule, reason), named in groups.items()]


def _one_reason(rule: str, reason: str, named: list[str], index: dict[str, int]) -> dict[str, Any]:
    what = f"{counted(len(named), 'subject')} not checked" if named else "Not checked"
    more = "" if len(named) <= _SUBJECTS_NAMED else " …"
    subjects = f" ({', '.join(named[:_SUBJECTS_NAMED])}{more})" if named else ""
    note = _note("not-checked", "warning", f"{rule}: {what}: {reason}{subjects}")
    if rule in index:
        note["associatedRule"] = {"id": rule, "index": index[rule]}
    return note


def _note(identity: str, level: str, text: str) -> dict[str, Any]:
    return {"descriptor": {"id": identity}, "level": level, "message": {"text": visible(text)}}
