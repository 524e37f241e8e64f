"""Several reports to one: denominators add up, the worst verdict of a control wins, and the score is worked out anew.

Pure. What the parts were made of is not asked again, so nothing can become better by being merged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from auditor.judge import Judged
from auditor.model import Confidence, ExitCode, Outcome, Severity, UsageError, Verdict
from auditor.relocate import relocated
from auditor.report import ControlResult, Gate, Report, RuleResult, Subjects, Target, Tool, Unit
from auditor.report_past import Comparison
from auditor.weigh import weigh

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from auditor.report import Finding
    from auditor.rulebook import Control, Rulebook

_OUTCOMES = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.NOT_ASKED)
_VERDICTS = (
    Verdict.FAIL, Verdict.UNKNOWN, Verdict.PARTIAL, Verdict.ACCEPTED, Verdict.PASS, Verdict.NOT_APPLICABLE,
    Verdict.NOT_ASKED,
)  # fmt: skip
# The order in which exit codes apply.
_CODES = (
    ExitCode.USAGE, ExitCode.TOOL_FAILED, ExitCode.NOTHING, ExitCode.FAILED, ExitCode.INCOMPLETE, ExitCode.PASSED,
)  # fmt: skip
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Part:
    """A report and the folder that it is about, below the folder of the merged one; `.` where they are the same."""

    folder: str
    report: Report


def merge(parts: Sequence[Part], book: Rulebook) -> Report:
    """One report about all of it; raises UsageError where the parts do not go together."""
    _check(parts)
    reports = [relocated(part.report, part.folder) for part in parts]
    findings = _findings(reports)
    judged = _judged(parts, findings, book)
    return Report(
        scoring_version=reports[0].scoring_version,
        tool=Tool(name=reports[0].tool.name, version=" and ".join(sorted({each.tool.version for each in reports}))),
        target=_target(reports),
        gate=_gate(parts),
        evidence=[note for each in reports for note in each.evidence],
        score=weigh(judged, partial_scan=_partial(parts)),
        controls=[_control_result(each, reports) for each in judged],
        rules=_rules(parts),
        findings=findings,
        not_checked=_once((row for each in reports for row in each.not_checked), lambda row: row.model_dump_json()),
        endpoints=_once((e for each in reports for e in each.endpoints), lambda e: e.model_dump_json()),
        access=_once(
            (cell for each in reports for cell in each.access), lambda c: (c.database, c.object, c.caller, c.command)
        ),
        access_setup=_once((setup for each in reports for setup in each.access_setup), lambda s: (s.unit, s.database)),
        comparison=_comparison(reports),
    )


def _check(parts: Sequence[Part]) -> None:
    for what in ("schema_version", "scoring_version"):
        found = sorted({getattr(part.report, what) for part in parts})
        if len(found) > 1:
            raise UsageError(f"the reports differ in their {what} ({', '.join(found)}): scan anew with one version")


def _once(rows: Iterable[_T], key: Callable[[_T], Hashable]) -> list[_T]:
    """Without what another report about the same folder says, too."""
    found: dict[Hashable, _T] = {}
    for row in rows:
        found.setdefault(key(row), row)
    return list(found.values())


def _findings(reports: Sequence[Report]) -> list[Finding]:
    """In the order of a scan; of two reports that hold the same finding the one counts in which it is open."""
    listed = sorted((f for each in reports for f in each.findings), key=lambda finding: finding.status != "open")
    found = _once(listed, lambda finding: finding.fingerprint)
    return sorted(found, key=lambda f: (f.rule, f.unit, f.subject, f.fingerprint))


def _target(reports: Sequence[Report]) -> Target:
    commits = {each.target.commit for each in reports}
    stacks: dict[str, list[str]] = {}
    for unit in (unit for each in reports for unit in each.target.units):
        stacks[unit.path] = list(dict.fromkeys([*stacks.get(unit.path, []), *unit.stack]))
    units = [Unit(path=path, stack=stack) for path, stack in sorted(stacks.items())]
    return Target(commit=commits.pop() if len(commits) == 1 else None, units=units)


def _gate(parts: Sequence[Part]) -> Gate:
    """The exit code of the part that fared worst, and what that part and its like say."""
    codes = {part.report.gate.exit_code for part in parts}
    code = next((each for each in _CODES if each in codes), max(codes))
    told = [part for part in parts if part.report.gate.exit_code == code]
    heads = {part.report.gate.reason.partition(": ")[0] for part in told}
    if len(heads) == 1 and all(": " in part.report.gate.reason for part in told):
        said = "; ".join(f"{part.folder}: {part.report.gate.reason.partition(': ')[2]}" for part in told)
        reason = f"{heads.pop()}: {said}"
    else:
        reason = "; ".join(f"{part.folder}: {part.report.gate.reason}" for part in told)
    notes = [f"{part.folder}: {note}" for part in parts for note in part.report.gate.notes]
    return Gate(exit_code=code, reason=reason, notes=notes)


def _rules(parts: Sequence[Part]) -> list[RuleResult]:
    found: dict[str, list[tuple[str, RuleResult]]] = {}
    for part in parts:
        for rule in part.report.rules:
            found.setdefault(rule.id, []).append((part.folder, rule))
    return [_rule(results) for _, results in sorted(found.items())]


def _rule(results: list[tuple[str, RuleResult]]) -> RuleResult:
    worst = min((rule.outcome for _, rule in results), key=_OUTCOMES.index)
    named = [(folder, rule) for folder, rule in results if rule.outcome is worst]
    return named[0][1].model_copy(
        update={
            "reason": _reasons([(folder, rule.reason) for folder, rule in named]),
            "subjects_total": sum(rule.subjects_total for _, rule in results),
            "subjects_failed": sum(rule.subjects_failed for _, rule in results),
            "subjects_unknown": sum(rule.subjects_unknown for _, rule in results),
        }
    )


def _reasons(named: list[tuple[str, str]]) -> str:
    """What several parts say: once where they agree, else each with its folder."""
    if len({reason for _, reason in named}) == 1 and not any(char.isdigit() for char in named[0][1]):
        return named[0][1]
    return named[0][1] if len(named) == 1 else "; ".join(f"{folder}: {reason}" for folder, reason in named)


def _judged(parts: Sequence[Part], findings: Sequence[Finding], book: Rulebook) -> list[Judged]:
    """The controls of this version's checklist, as far as the parts have them."""
    return [each for control in book.controls if (each := _one_control(control, parts, findings))]


def _one_control(control: Control, parts: Sequence[Part], findings: Sequence[Finding]) -> Judged | None:
    results = [(part.folder, each) for part in parts for each in part.report.controls if each.id == control.id]
    if not results:
        return None
    own = [finding for finding in findings if finding.control == control.id and finding.status == "open"]
    failing = any(_counts(f, control.fails_at, Confidence.INFERRED) for f in own)
    verdict = _worst([each.verdict for _, each in results], shared=control.share and failing)
    subjects = _sum([each.subjects for _, each in results])
    return Judged(
        # A part may weigh a control more: by its settings, or since nothing else isolates its tenants.
        control=replace(control, weight=max((each.weight for _, each in results), key=lambda weight: weight.rank)),
        verdict=verdict,
        reason=_reasons([(folder, each.reason) for folder, each in results if each.verdict is verdict]),
        subjects=subjects,
        share_ok=subjects.ok / subjects.total if subjects.total else 1.0,
        proved_exploit=any(_counts(f, Severity.HIGH, Confidence.PROVED) for f in own),
        failed_at_threshold=failing,
    )


def _counts(finding: Finding, severity: Severity, confidence: Confidence) -> bool:
    return finding.severity.rank >= severity.rank and finding.confidence.rank >= confidence.rank


def _worst(verdicts: list[Verdict], *, shared: bool) -> Verdict:
    """Where a control is scored by its share, what failed is a partial verdict, and outranks what is unknown."""
    if shared and Verdict.PARTIAL in verdicts:
        return Verdict.PARTIAL
    return min(verdicts, key=_VERDICTS.index)


def _sum(parts: Sequence[Subjects]) -> Subjects:
    return Subjects(
        total=sum(part.total for part in parts),
        ok=sum(part.ok for part in parts),
        failed=sum(part.failed for part in parts),
        unknown=sum(part.unknown for part in parts),
    )


def _control_result(judged: Judged, reports: Sequence[Report]) -> ControlResult:
    control = judged.control
    rules = {rule for each in reports for result in each.controls if result.id == control.id for rule in result.rules}
    return ControlResult(
        id=control.id,
        title=control.title,
        asks=control.asks,
        weight=control.weight,
        extended=control.extended,
        verdict=judged.verdict,
        reason=judged.reason,
        subjects=judged.subjects,
        rules=sorted(rules),
    )


def _partial(parts: Sequence[Part]) -> bool:
    """Whether some rule was left out of every report about some folder: such a scan is not graded."""
    asked: dict[str, set[str]] = {}
    for part in parts:
        names = {rule.id for rule in part.report.rules if rule.outcome is not Outcome.NOT_ASKED}
        asked.setdefault(part.folder, set()).update(names)
    return any(rule.id not in names for part in parts for rule in part.report.rules for names in asked.values())


def _comparison(reports: Sequence[Report]) -> Comparison | None:
    """The sum of the comparisons, where all were made with the same revision."""
    found = [each.comparison for each in reports if each.comparison]
    if len(found) < len(reports) or len({each.ref for each in found}) > 1:
        return None
    commits = {each.commit for each in found}
    return Comparison(
        ref=found[0].ref,
        commit=commits.pop() if len(commits) == 1 else None,
        new=sum(each.new for each in found),
        worse=sum(each.worse for each in found),
        returned=sum(each.returned for each in found),
        moved=sum(each.moved for each in found),
        unchanged=sum(each.unchanged for each in found),
        fixed=[item for each in found for item in each.fixed],
        unsettled=[item for each in found for item in each.unsettled],
        not_compared=_once((rule for each in found for rule in each.not_compared), lambda rule: rule),
        weakened=[item for each in found for item in each.weakened],
    )
