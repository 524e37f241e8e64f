"""The exit code, and the sentence that explains it. Pure; codes are the same for every format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model import Confidence, ExitCode, Severity, Verdict
from auditor.report import Gate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.report import ControlResult, Finding, Report, Score

GRADES = ("F", "D", "C", "B", "A")
NEW = {"new", "worse", "returned"}
# What a requirement is content with: a control that has nothing to guard is no gap, one that was waved through is.
_MET = {Verdict.PASS, Verdict.NOT_APPLICABLE}


@dataclass(frozen=True, slots=True)
class GateSettings:
    """`fail_on` and `fail_on_new` None never fail; `allow_unknown` names controls, or `all`; `min_coverage` is a
    percentage; `require` names controls that must pass. `notes` say what the repository's own settings loosen.
    """

    fail_on: Severity | None = Severity.HIGH
    min_confidence: Confidence = Confidence.INFERRED
    allow_unknown: tuple[str, ...] = ()
    fail_on_new: Severity | None = None
    min_grade: str | None = None
    min_coverage: float | None = None
    require: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def decide(
    settings: GateSettings,
    findings: Sequence[Finding],
    controls: Sequence[ControlResult],
    score: Score | None = None,
) -> Gate:
    """1 when the gate fails, else 4 when something that weighs is unknown, else 0."""
    reasons = [
        *_too_many(settings, findings),
        *_too_many_new(settings, findings),
        *(_below(settings, score) if score else ()),
        *_unmet(settings, controls),
    ]
    notes = list(settings.notes)
    if reasons:
        return Gate(exit_code=ExitCode.FAILED, reason=f"gate failed: {'; '.join(reasons)}", notes=notes)
    if unknown := _unknown(settings, controls):
        return Gate(exit_code=ExitCode.INCOMPLETE, reason=_incomplete(unknown), notes=notes)
    return Gate(exit_code=ExitCode.PASSED, reason=f"gate passed: {_met(settings, findings)}", notes=notes)


def decide_report(settings: GateSettings, report: Report) -> Gate:
    """The same for a report whose findings were compared with others since."""
    return decide(settings, report.findings, report.controls, report.score)


def _too_many(settings: GateSettings, findings: Sequence[Finding]) -> list[str]:
    counted = _counted(settings.fail_on, settings, findings)
    return [_sentence(counted, "open", settings.fail_on)] if counted else []


def _too_many_new(settings: GateSettings, findings: Sequence[Finding]) -> list[str]:
    counted = _counted(settings.fail_on_new, settings, [f for f in findings if f.change in NEW])
    return [_sentence(counted, "new", settings.fail_on_new)] if counted else []


def _sentence(counted: list[Finding], word: str, least: Severity | None) -> str:
    one = counted[0]
    return (
        f"{len(counted)} {word} finding{'s'[: len(counted) > 1]} of severity {least.value if least else ''} or more,"
        f" the first is {one.rule} on {one.subject}"
    )


def _counted(least: Severity | None, settings: GateSettings, findings: Sequence[Finding]) -> list[Finding]:
    if least is None:
        return []
    return [
        finding
        for finding in findings
        if finding.status == "open"
        and finding.severity.rank >= least.rank
        and finding.confidence.rank >= settings.min_confidence.rank
    ]


def _below(settings: GateSettings, score: Score) -> list[str]:
    """What of the score is less than was asked for; a scan that could not be graded has not shown its grade."""
    reasons = []
    if settings.min_grade and (score.grade is None or GRADES.index(score.grade) < GRADES.index(settings.min_grade)):
        seen = f"grade {score.grade} is below" if score.grade else "the scan is not graded, which does not reach"
        reasons.append(f"{seen} {settings.min_grade}")
    if settings.min_coverage is not None and score.coverage * 100 < settings.min_coverage:
        reasons.append(f"coverage {score.coverage * 100:.1f} % is below {settings.min_coverage:g} %")
    return reasons


def _unmet(settings: GateSettings, controls: Sequence[ControlResult]) -> list[str]:
    verdicts = {control.id: control.verdict for control in controls}
    unmet = [name for name in settings.require if verdicts.get(name, Verdict.NOT_ASKED) not in _MET]
    named = ", ".join(f"{name} is {verdicts.get(name, Verdict.NOT_ASKED).value.replace('_', ' ')}" for name in unmet)
    return [f"required to pass, but {named}"] if unmet else []


def _met(settings: GateSettings, findings: Sequence[Finding]) -> str:
    """Why it passed: what was held against the findings, and what is set aside."""
    level = settings.fail_on.value if settings.fail_on else None
    held = [f"no open finding of severity {level} or more"] if level else []
    if settings.fail_on_new:
        held.append(f"no new finding of severity {settings.fail_on_new.value} or more")
    if not held:
        held.append("no finding fails it, whatever its severity")
    least = settings.fail_on.rank if settings.fail_on else len(Severity)
    aside = sum(finding.status != "open" and finding.severity.rank >= least for finding in findings)
    return ", ".join(held) + (f" ({aside} accepted or baselined)" if aside else "")


def _unknown(settings: GateSettings, controls: Sequence[ControlResult]) -> list[str]:
    allowed = set(settings.allow_unknown)
    return [
        control.id
        for control in controls
        if control.verdict is Verdict.UNKNOWN
        and control.weight.rank >= Severity.HIGH.rank
        and not allowed & {"all", control.id}
    ]


def _incomplete(unknown: list[str]) -> str:
    return (
        f"incomplete: {len(unknown)} control{'s'[: len(unknown) > 1]} of weight high or critical unknown"
        f" ({', '.join(unknown)}); give the evidence that is missing, or accept with"
        f" --allow-unknown {unknown[0]} (or all)"
    )
