"""What acting on rows adds to the rules that read policies: a proof where it works, silence where it was refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.detectors.functions import CHANGES
from auditor.detectors.outsiders import foreign
from auditor.model import Confidence, DbObject, Proof, Severity, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.model import Answer, RuleAnswers
    from auditor.sources.attempts import Attempt
    from auditor.sources.probes import Probed, TableProbe

# Rules that suspect a way in, and the attempts that go it. Those of the second group can also be refuted: the very
# thing that they suspect was tried on a row that the caller may otherwise change.
_OPENS = {
    "rls-disabled": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "rls-missing-on-partition-child": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "policy-on-rls-disabled-table": ("SELECT", "INSERT", "UPDATE", "DELETE"),
}
_SUSPECTS: dict[str, tuple[str, str]] = {
    "tenant-reassignment-on-update": ("UPDATE", "move"),
    "privileged-column-self-update": ("UPDATE", "raise"),
    "self-join-any-tenant": ("INSERT", "join"),
}
_VIEWS = {"definer-view-exposed"}
_FUNCTIONS = {"definer-function-trusts-caller-id"}
_CHANNELS = {"realtime-messages-open-policy"}
_TRUSTS, _EXPOSED, _REACHES = (
    "definer-function-trusts-caller-id",
    "definer-function-exposed",
    "definer-function-reaches-others",
)


def confirm(asked: Mapping[str, RuleAnswers], probed: Mapping[str, Probed]) -> dict[str, RuleAnswers]:
    """The answers of all rules, those on what was tried brought up to what was seen."""
    confirmed = dict(asked)
    for rule in (*_OPENS, *_SUSPECTS, *_VIEWS, *_FUNCTIONS, *_CHANNELS):
        if found := asked.get(rule):
            answers = [_confirmed(rule, answer, probed) for answer in found.answers]
            confirmed[rule] = replace(found, answers=answers)
    return confirmed | reported_once(confirmed)


def reported_once(asked: Mapping[str, RuleAnswers]) -> dict[str, RuleAnswers]:
    """One finding for a definer function whose code and whose calls say the same, at the more severe of their ranks.

    That it trusts an id says more than that a call worked; that a call worked says more than that it is exposed, where
    it does no more than read.
    """
    reached, trusts, exposed = (_failed(asked.get(rule)) for rule in (_REACHES, _TRUSTS, _EXPOSED))
    read = {at: row for at, row in exposed.items() if not row.detail.startswith(CHANGES) and at not in trusts}
    called = "strangers called it with the ids of another and got through, which is"
    return {
        rule: _once(asked[rule], raised, settled, f"{called} a finding of {named}")
        for rule, raised, settled, named in (
            (_REACHES, read, trusts, _TRUSTS),
            (_TRUSTS, reached, {}, ""),
            (_EXPOSED, {}, {at: row for at, row in reached.items() if at in read}, _REACHES),
        )
        if rule in asked
    }


def _failed(found: RuleAnswers | None) -> dict[tuple[str | None, str], Answer]:
    rows = found.answers if found else ()
    return {(row.database, row.subject): row for row in rows if row.state is State.FAIL}


def _once(
    found: RuleAnswers,
    raised: Mapping[tuple[str | None, str], Answer],
    settled: Mapping[tuple[str | None, str], Answer],
    reason: str,
) -> RuleAnswers:
    """The rule's answers: the failed ones are ranked by what else is `raised`, and sound where they are `settled`."""
    answers = [
        row
        if row.state is not State.FAIL
        else replace(row, state=State.OK, detail=reason, severity=None, confidence=None, proof=None, evidence="")
        if (row.database, row.subject) in settled
        else _ranked(row, raised.get((row.database, row.subject)))
        for row in found.answers
    ]
    return replace(found, answers=answers)


def _ranked(row: Answer, other: Answer | None) -> Answer:
    """The more severe of both; what the page of the calls says of itself is medium."""
    if other is None or (other.severity or Severity.MEDIUM).rank <= (row.severity or Severity.MEDIUM).rank:
        return row
    return replace(row, severity=other.severity)


def _confirmed(rule: str, answer: Answer, probed: Mapping[str, Probed]) -> Answer:
    place, part = answer.where, probed.get(answer.database or "")
    if answer.state is not State.FAIL or part is None or not isinstance(place, DbObject):
        return answer
    if rule in _VIEWS:
        return _seen_through(answer, place.identity, part)
    if rule in _FUNCTIONS | _CHANNELS:
        return _proved(answer, _elsewhere(rule, place.identity, part))
    relation = place.relation or place.identity
    result = next((found for found in part.tables.values() if found.table.identity == relation), None)
    if result is None or result.unplanted:
        return answer
    if rule in _OPENS:
        return _proved(answer, [a for a in foreign(result, _OPENS[rule]) if a.state == "allowed"])
    return _tried(answer, result, *_SUSPECTS[rule])


def _elsewhere(rule: str, identity: str, part: Probed) -> list[Attempt]:
    """What outsiders got through a function, or on whichever channel."""
    if rule in _FUNCTIONS:
        tried = [attempt for called in part.functions if called.identity == identity for attempt in called.attempts]
    else:
        tried = [a for channel in part.channels for a in channel.attempts if a.aim == "others"]
    return [attempt for attempt in tried if attempt.state == "allowed" and attempt.script]


def _tried(answer: Answer, result: TableProbe, command: str, aim: str) -> Answer:
    columns = set(answer.evidence.split(","))
    tried = [a for a in result.attempts if a.command == command and a.aim == aim and a.column in columns]
    if done := [attempt for attempt in tried if attempt.state == "allowed"]:
        return _proved(answer, done)
    if tried and all(attempt.refused for attempt in tried) and _can_write(result, command):
        detail = f"tried, and refused: {tried[0].seen}"
        return replace(answer, state=State.OK, detail=detail, severity=None, confidence=None, evidence="", history=())
    return answer


def _can_write(result: TableProbe, command: str) -> bool:
    """Whether the owner gets through at all: else the refusal was of something else."""
    own = [a for a in result.attempts if a.command == command and a.aim == "own"]
    return any(attempt.state == "allowed" or attempt.passed for attempt in own)


def _proved(answer: Answer, done: list[Attempt]) -> Answer:
    if not done:
        return answer
    worst = next((attempt for attempt in done if attempt.script), done[0])
    proof = Proof(worst.script, worst.seen, f"ERROR 42501, or {worst.command} of 0 rows")
    return replace(answer, confidence=Confidence.PROVED, proof=answer.proof or proof)


def _seen_through(answer: Answer, identity: str, part: Probed) -> Answer:
    view = next((view for view in part.views if view.identity == identity), None)
    seen = [s for s in view.sights if s.state == "allowed" and s.caller != "service_role"] if view else []
    if not seen:
        return answer
    proof = Proof(seen[0].script, f"{seen[0].caller}: {seen[0].seen}", "0 rows")
    return replace(answer, confidence=Confidence.PROVED, proof=answer.proof or proof)
