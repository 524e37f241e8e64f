"""The exit code, and the sentence that explains it. Pure; codes are the same for every format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model import Confidence, ExitCode, Severity, Verdict
from auditor.report import Gate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.judge import Judged
    from auditor.report import Finding


@dataclass(frozen=True, slots=True)
class GateSettings:
    """`fail_on` None never fails; `allow_unknown` names controls, or `all`."""

    fail_on: Severity | None = Severity.HIGH
    min_confidence: Confidence = Confidence.INFERRED
    allow_unknown: tuple[str, ...] = ()


def decide(settings: GateSettings, findings: Sequence[Finding], judged: Sequence[Judged]) -> Gate:
    """1 when findings fail the gate, else 4 when something that weighs is unknown, else 0."""
    if counted := _counted(settings, findings):
        level = settings.fail_on.value if settings.fail_on else ""
        one = counted[0]
        return Gate(
            exit_code=ExitCode.FAILED,
            reason=f"gate failed: {len(counted)} open finding{'s'[: len(counted) > 1]} of severity {level} or more,"
            f" the first is {one.rule} on {one.subject}",
        )
    if unknown := _unknown(settings, judged):
        return Gate(
            exit_code=ExitCode.INCOMPLETE,
            reason=f"incomplete: {len(unknown)} control{'s'[: len(unknown) > 1]} of weight high or critical unknown"
            f" ({', '.join(unknown)}); give the evidence that is missing, or accept with"
            f" --allow-unknown {unknown[0]} (or all)",
        )
    return Gate(exit_code=ExitCode.PASSED, reason="gate passed")


def _counted(settings: GateSettings, findings: Sequence[Finding]) -> list[Finding]:
    least = settings.fail_on
    if least is None:
        return []
    return [
        finding
        for finding in findings
        if finding.status == "open"
        and finding.severity.rank >= least.rank
        and finding.confidence.rank >= settings.min_confidence.rank
    ]


def _unknown(settings: GateSettings, judged: Sequence[Judged]) -> list[str]:
    allowed = set(settings.allow_unknown)
    return [
        item.control.id
        for item in judged
        if item.verdict is Verdict.UNKNOWN
        and item.control.weight.rank >= Severity.HIGH.rank
        and not allowed & {"all", item.control.id}
    ]
