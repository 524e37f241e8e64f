"""Answers to verdicts: what each rule, and then each control, came to. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.model import Confidence, Outcome, Severity, State, Verdict
from auditor.report import Subjects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditor.model import Answer, RuleAnswers
    from auditor.rulebook import Control, Page, Rulebook

_WORST = {State.FAIL: 2, State.UNKNOWN: 1, State.OK: 0}
_NOUNS = {
    "catch": "catches",
    "cors": "CORS settings",
    "headers": "sets of headers",
    "policy": "policies",
    "index": "indexes",
    "history": "histories",
    "materialized": "materialized views",
}


@dataclass(frozen=True, slots=True)
class Ruled:
    """One rule with its outcome; `open` are its failed answers, `accepted` those that a suppression covers."""

    page: Page
    outcome: Outcome
    reason: str
    subjects: Subjects
    open: tuple[Answer, ...] = ()
    accepted: tuple[Answer, ...] = ()
    unknown: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """One control with its verdict, and the share of its subjects that are ok (1.0 where it has none)."""

    control: Control
    verdict: Verdict
    reason: str
    subjects: Subjects
    share_ok: float
    proved_exploit: bool
    failed_at_threshold: bool


def severity_of(answer: Answer, page: Page) -> Severity:
    return answer.severity or page.severity


def confidence_of(answer: Answer, page: Page) -> Confidence:
    return answer.confidence or page.confidence


def judge_rule(page: Page, asked: RuleAnswers, accepted: Mapping[int, str]) -> Ruled:
    """The outcome of one rule; `accepted` holds the ids of the answers that a suppression covers."""
    empty = Subjects(total=0, ok=0, failed=0, unknown=0)
    if not asked.asked:
        return Ruled(page, Outcome.NOT_ASKED, "left out of this scan", empty)
    if asked.unavailable:
        return Ruled(page, Outcome.UNKNOWN, asked.unavailable, empty)
    if asked.not_applicable or not asked.answers:
        return Ruled(page, Outcome.NOT_APPLICABLE, asked.not_applicable or "nothing of the kind was found", empty)
    failed = [answer for answer in asked.answers if answer.state is State.FAIL]
    opened = tuple(answer for answer in failed if id(answer) not in accepted)
    covered = tuple(answer for answer in failed if id(answer) in accepted)
    unknown = tuple(answer for answer in asked.answers if answer.state is State.UNKNOWN)
    subjects = _count(answer for answer in asked.answers if id(answer) not in accepted)
    outcome, reason = _outcome(subjects, asked.answers)
    return Ruled(page, outcome, reason, subjects, opened, covered, unknown)


def _count(answers: Iterable[Answer]) -> Subjects:
    """Distinct subjects by their worst state: two faults of one table are one failed table."""
    worst: dict[tuple[str | None, str], State] = {}
    for answer in answers:
        key = (answer.database, answer.subject)
        if key not in worst or _WORST[answer.state] > _WORST[worst[key]]:
            worst[key] = answer.state
    states = Counter(worst.values())
    return Subjects(total=len(worst), ok=states[State.OK], failed=states[State.FAIL], unknown=states[State.UNKNOWN])


def _outcome(subjects: Subjects, answers: Sequence[Answer]) -> tuple[Outcome, str]:
    noun = noun_of(answers)
    if subjects.failed:
        return Outcome.FAIL, f"{subjects.failed} of {subjects.total} {noun}"
    if subjects.unknown:
        return Outcome.UNKNOWN, f"{subjects.unknown} of {subjects.total} {noun} not known"
    return Outcome.PASS, f"{subjects.ok} of {subjects.total} {noun}"


def noun_of(answers: Sequence[Answer]) -> str:
    """What the subjects are, in the plural: `tables`, `policies`, or `subjects` where they are of several kinds."""
    words = {answer.subject.split(" ", 1)[0] for answer in answers}
    if len(words) != 1:
        return "subjects"
    word = words.pop()
    return _NOUNS.get(word, word + "s")


def judge_control(control: Control, rules: Sequence[Ruled]) -> Judged:
    """The verdict of one control over its rules."""
    subjects = _sum(rules)
    share_ok = subjects.ok / subjects.total if subjects.total else 1.0
    verdict, reason = _verdict(control, rules)
    proved = any(_proved_exploit(rule) for rule in rules)
    failing = any(_fails(rule, rule.open, control) for rule in rules)
    return Judged(control, verdict, reason, subjects, share_ok, proved, failing)


def _sum(rules: Sequence[Ruled]) -> Subjects:
    parts = [rule.subjects for rule in rules]
    return Subjects(
        total=sum(part.total for part in parts),
        ok=sum(part.ok for part in parts),
        failed=sum(part.failed for part in parts),
        unknown=sum(part.unknown for part in parts),
    )


def _verdict(control: Control, rules: Sequence[Ruled]) -> tuple[Verdict, str]:
    if not rules:
        return Verdict.UNKNOWN, "no rule asks this yet"
    asked = [rule for rule in rules if rule.outcome is not Outcome.NOT_ASKED]
    if not asked:
        return Verdict.NOT_ASKED, "left out of this scan"
    return _worst(control, asked) or _best(control, asked)


def _worst(control: Control, asked: Sequence[Ruled]) -> tuple[Verdict, str] | None:
    """Fail outranks unknown, and unknown outranks what is minor."""
    if failing := [rule for rule in asked if _fails(rule, rule.open, control)]:
        return Verdict.PARTIAL if control.share else Verdict.FAIL, _reasons(failing)
    # A rule that failed on something minor may have left the rest open: that is no partial pass.
    doubtful = [rule for rule in asked if rule.page.decisive and (rule.unknown or rule.outcome is Outcome.UNKNOWN)]
    if doubtful:
        return Verdict.UNKNOWN, _reasons([_unsettled(rule) for rule in doubtful])
    if minor := [rule for rule in asked if any(severity_of(a, rule.page) is not Severity.INFO for a in rule.open)]:
        return Verdict.PARTIAL, _reasons(minor)
    return None


def _unsettled(rule: Ruled) -> Ruled:
    """The rule with a reason that speaks of what is not known."""
    if rule.outcome is Outcome.UNKNOWN:
        return rule
    return replace(rule, reason=f"{len(rule.unknown)} of {rule.subjects.total} not known")


def _best(control: Control, asked: Sequence[Ruled]) -> tuple[Verdict, str]:
    if accepted := [rule for rule in asked if _fails(rule, rule.accepted, control)]:
        return Verdict.ACCEPTED, _reasons(accepted, accepted=True)
    if all(rule.outcome is Outcome.NOT_APPLICABLE for rule in asked):
        return Verdict.NOT_APPLICABLE, asked[0].reason
    return Verdict.PASS, _reasons([rule for rule in asked if rule.outcome is not Outcome.NOT_APPLICABLE])


def _fails(rule: Ruled, answers: Sequence[Answer], control: Control) -> bool:
    return any(
        severity_of(answer, rule.page).rank >= control.fails_at.rank
        and confidence_of(answer, rule.page).rank >= Confidence.INFERRED.rank
        for answer in answers
    )


def _reasons(rules: Sequence[Ruled], *, accepted: bool = False) -> str:
    """The sentence behind a verdict: each rule with its figures, or the shared reason once."""
    if accepted:
        return ", ".join(f"{len(rule.accepted)} accepted ({rule.page.id})" for rule in rules)
    ordered = sorted(rules, key=_weight, reverse=True)
    if len({rule.reason for rule in rules}) == 1:
        return ordered[0].reason
    return ", ".join(f"{rule.reason} ({rule.page.id})" for rule in ordered)


def _weight(rule: Ruled) -> tuple[int, int]:
    """The rule that weighs most comes first in a sentence."""
    worst = max((severity_of(answer, rule.page).rank for answer in rule.open), default=-1)
    return worst, rule.subjects.failed


def _proved_exploit(rule: Ruled) -> bool:
    return any(
        confidence_of(answer, rule.page) is Confidence.PROVED
        and severity_of(answer, rule.page).rank >= Severity.HIGH.rank
        for answer in rule.open
    )


def judge_all(book: Rulebook, rules: Sequence[Ruled], *, isolation_in_code: bool) -> list[Judged]:
    """Every control. Where no API role exists, looking objects up with their owner is all that isolates tenants."""
    controls = [
        replace(control, weight=Severity.CRITICAL)
        if isolation_in_code and control.id == "object-ownership"
        else control
        for control in book.controls
    ]
    return [judge_control(c, [rule for rule in rules if rule.page.control == c.id]) for c in controls]
