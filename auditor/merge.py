"""Several reports to one: denominators add up, the worst verdict of a control wins, and the score is worked out anew.

Pure. What the parts were made of is not asked again, so nothing can become better by being merged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from auditor.judge import Judged
from auditor.model import Confidence, ExitCode, Outcome, Severity, UsageError, Verdict
from auditor.relocate import relocated
from auditor.report import ControlResult, Gate, Report, RuleResult, Subjects, Target, Tool, Unit
from auditor.report_past import Comparison
from auditor.weigh import weigh

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from auditor.report import Endpoint, Finding
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
        target=_target(parts, reports),
        gate=_gate(parts),
        evidence=_once(
            (note for each in reports for note in each.evidence), lambda n: n.model_dump_json(exclude={"seconds"})
        ),
        score=weigh(judged, partial_scan=_partial(parts)),
        controls=[_control_result(each, reports) for each in judged],
        rules=_rules(parts),
        findings=findings,
        not_checked=_once((row for each in reports for row in each.not_checked), lambda row: row.model_dump_json()),
        endpoints=_once((e for each in reports for e in each.endpoints), _way_in),
        access=_once(
            (cell for each in reports for cell in each.access), lambda c: (c.database, c.object, c.caller, c.command)
        ),
        access_setup=_once((setup for each in reports for setup in each.access_setup), lambda s: (s.unit, s.database)),
        comparison=_comparison(parts, reports),
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


def _way_in(endpoint: Endpoint) -> Hashable:
    """What makes an endpoint one; what stands before it one scan may have asked and another not."""
    return (endpoint.unit, endpoint.method, endpoint.path, endpoint.framework, str(endpoint.location))


def _findings(reports: Sequence[Report]) -> list[Finding]:
    """In the order of a scan; of two reports that hold the same finding the one counts in which it is open."""
    listed = sorted((f for each in reports for f in each.findings), key=lambda finding: finding.status != "open")
    found = _once(listed, lambda finding: finding.fingerprint)
    return sorted(found, key=lambda f: (f.rule, f.unit, f.subject, f.fingerprint))


def _target(parts: Sequence[Part], reports: Sequence[Report]) -> Target:
    commits = {each.target.commit for each in reports}
    stacks: dict[str, list[str]] = {}
    for unit in (unit for each in reports for unit in each.target.units):
        stacks[unit.path] = list(dict.fromkeys([*stacks.get(unit.path, []), *unit.stack]))
    units = [Unit(path=path, stack=stack) for path, stack in sorted(stacks.items())]
    above = {_above(part) for part in parts}
    prefix = above.pop() if len(above) == 1 else ""
    return Target(prefix=prefix or "", commit=commits.pop() if len(commits) == 1 else None, units=units)


def _above(part: Part) -> str | None:
    """Where the folder of the merged report lies below the git top level, by what a part says of its own."""
    own, below = PurePosixPath(part.report.target.prefix).parts, PurePosixPath(part.folder).parts
    if not below:
        return "/".join(own)
    return "/".join(own[: -len(below)]) if own[-len(below) :] == below else None


def _gate(parts: Sequence[Part]) -> Gate:
    """The exit code of the part that fared worst, and what that part and its like say."""
    codes = {part.report.gate.exit_code for part in parts}
    code = next((each for each in _CODES if each in codes), max(codes))
    told = [part for part in parts if part.report.gate.exit_code == code]
    heads = {part.report.gate.reason.partition(": ")[0] for part in told}
    if len(heads) == 1 and all(": " in part.report.gate.reason for part in told):
        said = "; ".join(dict.fromkeys(f"{part.folder}: {part.report.gate.reason.partition(': ')[2]}" for part in told))
        reason = f"{heads.pop()}: {said}"
    else:
        reason = "; ".join(dict.fromkeys(f"{part.folder}: {part.report.gate.reason}" for part in told))
    notes = list(dict.fromkeys(f"{part.folder}: {note}" for part in parts for note in part.report.gate.notes))
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
    counted = _fullest(results).values()
    return named[0][1].model_copy(
        update={
            "reason": _reasons([(folder, rule.reason) for folder, rule in named]),
            "subjects_total": sum(rule.subjects_total for rule in counted),
            "subjects_failed": sum(rule.subjects_failed for rule in counted),
            "subjects_unknown": sum(rule.subjects_unknown for rule in counted),
        }
    )


def _fullest(results: Iterable[tuple[str, RuleResult]]) -> dict[str, RuleResult]:
    """Of what several reports about one folder say of a rule, what says the most: its subjects are the same ones."""
    found: dict[str, RuleResult] = {}
    for folder, rule in results:
        before = found.get(folder)
        if before is None or _figures(rule) > _figures(before):
            found[folder] = rule
    return found


def _figures(rule: RuleResult) -> tuple[int, int, int]:
    return rule.subjects_total, rule.subjects_failed, rule.subjects_unknown


def _reasons(said: list[tuple[str, str]]) -> str:
    """What several parts say: once where they agree, else each with its folder."""
    named = list(dict.fromkeys(said))
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
    subjects = _sum(_distinct(control.id, parts))
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


def _distinct(control: str, parts: Sequence[Part]) -> list[Subjects]:
    """The subjects of a control by reports; what several about one folder have asked is counted once."""
    counted: dict[str, set[str]] = {}
    found = []
    for part in sorted(parts, key=lambda part: -len(_asked(control, part))):
        asked = _asked(control, part)
        before = counted.get(part.folder)
        if before is None or asked.keys() - before:
            again = [rule for name, rule in asked.items() if name in (before or ())]
            own = [each.subjects for each in part.report.controls if each.id == control]
            found += [_less(subjects, again) for subjects in own]
            counted[part.folder] = (before or set()) | asked.keys()
    return found


def _asked(control: str, part: Part) -> dict[str, RuleResult]:
    rules = (rule for rule in part.report.rules if rule.control == control)
    return {rule.id: rule for rule in rules if rule.outcome is not Outcome.NOT_ASKED}


def _less(subjects: Subjects, again: Sequence[RuleResult]) -> Subjects:
    total, failed, unknown = (sum(_figures(rule)[place] for rule in again) for place in range(3))
    return Subjects(
        total=subjects.total - total,
        ok=subjects.ok - (total - failed - unknown),
        failed=subjects.failed - failed,
        unknown=subjects.unknown - unknown,
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


def _comparison(parts: Sequence[Part], reports: Sequence[Report]) -> Comparison | None:
    """The sum of the comparisons, where all were made with the same revision."""
    made = [(part.folder, each.comparison) for part, each in zip(parts, reports, strict=True) if each.comparison]
    found = [comparison for _, comparison in _once(made, lambda one: (one[0], one[1].model_dump_json()))]
    if len(made) < len(reports) or len({each.ref for each in found}) > 1:
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
