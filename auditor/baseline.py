"""A baseline: findings that are known and do not fail the gate. They stay in the report and in the score. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.compare import Context, item_of, match, past_finding
from auditor.compare import Item as Entry
from auditor.facts.secrets import redact
from auditor.model import Outcome, Severity, UsageError
from auditor.report_past import BaselineNote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auditor.compare import Matches
    from auditor.report import Finding, Report

FILE_NAME = "backend-audit.baseline.json"
_VERSION = 1
_KEYS = {"rule", "severity", "subject", "place", "evidence", "database", "fingerprint"}
_UNSETTLED = {Outcome.UNKNOWN, Outcome.NOT_ASKED}


@dataclass(frozen=True, slots=True)
class Baseline:
    """`commit` is the one that it was written at: renames since then are followed."""

    path: str = FILE_NAME
    commit: str | None = None
    entries: tuple[Entry, ...] = ()
    formerly: Mapping[str, str] = field(default_factory=dict)


def baseline_of(report: Report, path: str) -> Baseline:
    """A baseline that holds every finding which is open now, or was in the baseline before."""
    kept = [item_of(finding) for finding in report.findings if finding.status != "accepted"]
    return Baseline(path, report.target.commit, tuple(sorted(kept, key=_order)))


def _order(entry: Entry) -> tuple[str, str, str, str]:
    return entry.rule, entry.place, entry.subject, entry.fingerprint


def written(baseline: Baseline) -> str:
    """One line for each finding, sorted, so that a reviewer sees what a change adds."""
    lines = [json.dumps(_row(entry), ensure_ascii=True) for entry in baseline.entries]
    head = f'{{\n  "version": {_VERSION},\n  "commit": {json.dumps(baseline.commit)},\n  "findings": ['
    return head + "".join(f"\n    {line}," for line in lines).rstrip(",") + ("\n  ]\n}\n" if lines else "]\n}\n")


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "rule": entry.rule,
        "severity": entry.severity.value,
        "subject": redact(entry.subject),
        "place": entry.place,
        "evidence": entry.evidence,
        **({"database": True} if entry.in_database else {}),
        "fingerprint": entry.fingerprint,
    }


def parse(text: str, path: str, formerly: Mapping[str, str]) -> Baseline:
    """Read a baseline; raises UsageError naming what is wrong with it."""
    try:
        data = json.loads(text)
        return _read(data, path, formerly)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reason = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else str(error)
        raise UsageError(f"{path}: {reason}; `backend-audit baseline create` writes one") from error


def _read(data: Any, path: str, formerly: Mapping[str, str]) -> Baseline:  # noqa: ANN401 - what the file holds
    if not isinstance(data, dict) or data.get("version") != _VERSION:
        raise ValueError(f"not a baseline of version {_VERSION}")
    commit = data.get("commit")
    entries = tuple(_entry(row) for row in data["findings"])
    return Baseline(path, commit if isinstance(commit, str) else None, entries, formerly)


def _entry(row: dict[str, Any]) -> Entry:
    if unknown := set(row) - _KEYS:
        raise ValueError(f"unknown key '{min(unknown)}'")
    texts = {key: row[key] for key in ("rule", "fingerprint", "subject", "place", "evidence")}
    if not all(isinstance(value, str) for value in texts.values()):
        raise ValueError("every entry is made of texts")
    return Entry(severity=Severity(row["severity"]), in_database=row.get("database") is True, **texts)


def apply(
    baseline: Baseline, report: Report, renames: Mapping[str, str], files: Iterable[str] = ()
) -> tuple[list[Finding], BaselineNote]:
    """The findings, those of the baseline marked; and which entries match nothing any more.

    What has become more severe since is open: it was not that which was accepted. A suppression comes first.
    """
    found = _matches(baseline, report, renames, files)
    covered = {pair.new.fingerprint: pair.old for pair in found.pairs}
    findings = [_marked(finding, covered.get(finding.fingerprint), baseline.path) for finding in report.findings]
    unsettled = {rule.id for rule in report.rules if rule.outcome in _UNSETTLED}
    unsettled |= {row.rule for row in report.not_checked}
    stale = [
        past_finding(entry) for entry in found.gone if baseline.formerly.get(entry.rule, entry.rule) not in unsettled
    ]
    matched = sum(finding.status == "baselined" for finding in findings)
    return findings, BaselineNote(path=baseline.path, entries=len(baseline.entries), matched=matched, stale=stale)


def _matches(baseline: Baseline, report: Report, renames: Mapping[str, str], files: Iterable[str]) -> Matches:
    # Without the other tree there is no telling what moved by itself: only what git calls a rename is followed.
    places = {entry.place for entry in baseline.entries} | set(files)
    context = Context(renames, baseline.formerly, places, places | {item_of(f).place for f in report.findings})
    return match(baseline.entries, [item_of(finding) for finding in report.findings], context)


def _marked(finding: Finding, entry: Entry | None, path: str) -> Finding:
    if entry is None or finding.status == "accepted":
        return finding
    if finding.severity.rank > entry.severity.rank:
        reason = f"in {path} as {entry.severity.value}, and {finding.severity.value} now"
        return finding.model_copy(update={"status_reason": reason})
    return finding.model_copy(update={"status": "baselined", "status_reason": f"in {path}"})
