from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.judge import Judged, Ruled, judge_all, judge_control, judge_rule
from auditor.model import Answer, Confidence, Outcome, RuleAnswers, Severity, State, Verdict
from auditor.rulebook import Control, Page, load_rulebook
from auditor.weigh import weigh

if TYPE_CHECKING:
    from auditor.report import Score

BOOK = load_rulebook()
RULE = next(page for page in BOOK.pages if page.id == "rls-disabled")
CONTROL = next(control for control in BOOK.controls if control.id == "rls-on-all-tables")
SHARE = next(control for control in BOOK.controls if control.id == "indexed-access-paths")
INDEX = next(page for page in BOOK.pages if page.id == "foreign-key-unindexed")


def _answer(name: str, state: State, severity: Severity | None = None, confidence: Confidence | None = None) -> Answer:
    return Answer(f"table public.{name}", state, severity=severity, confidence=confidence)


def _ruled(*answers: Answer, page: Page = RULE, accepted: tuple[int, ...] = ()) -> Ruled:
    return judge_rule(page, RuleAnswers(page.id, answers), {id(answers[n]): "because" for n in accepted})


OK = _answer("a", State.OK)
BAD = _answer("b", State.FAIL)
DOUBT = _answer("c", State.UNKNOWN)


@pytest.mark.parametrize(
    ("answers", "outcome", "reason"),
    [
        ((OK, BAD, DOUBT), Outcome.FAIL, "1 of 3 tables"),
        ((OK, DOUBT), Outcome.UNKNOWN, "1 of 2 tables not known"),
        ((OK,), Outcome.PASS, "1 of 1 tables"),
        ((), Outcome.NOT_APPLICABLE, "nothing of the kind was found"),
        ((BAD, BAD), Outcome.FAIL, "1 of 1 tables"),
    ],
)
def test_outcome_of_a_rule(answers: tuple[Answer, ...], outcome: Outcome, reason: str) -> None:
    ruled = _ruled(*answers)
    assert (ruled.outcome, ruled.reason) == (outcome, reason)


def test_evidence_that_could_not_be_had_is_never_a_pass() -> None:
    ruled = judge_rule(RULE, RuleAnswers(RULE.id, unavailable="no database"), {})
    assert (ruled.outcome, ruled.reason) == (Outcome.UNKNOWN, "no database")


def test_a_control_without_a_rule_is_unknown() -> None:
    judged = judge_control(CONTROL, [])
    assert (judged.verdict, judged.reason) == (Verdict.UNKNOWN, "no rule asks this yet")


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ((BAD, DOUBT), Verdict.FAIL),  # fail outranks unknown
        ((OK, DOUBT), Verdict.UNKNOWN),
        ((_answer("b", State.FAIL, Severity.MEDIUM), OK), Verdict.PARTIAL),  # critical controls fail at high
        ((_answer("b", State.FAIL, Severity.MEDIUM), DOUBT), Verdict.UNKNOWN),  # what is minor hides no doubt
        ((_answer("b", State.FAIL, Severity.INFO), DOUBT), Verdict.UNKNOWN),
        ((_answer("b", State.FAIL, Severity.INFO), OK), Verdict.PASS),
        ((_answer("b", State.FAIL, confidence=Confidence.SUSPECTED), OK), Verdict.PARTIAL),
        ((OK,), Verdict.PASS),
        ((), Verdict.NOT_APPLICABLE),
    ],
)
def test_verdict_of_a_critical_control(answers: tuple[Answer, ...], verdict: Verdict) -> None:
    assert judge_control(CONTROL, [_ruled(*answers)]).verdict is verdict


def test_without_api_roles_the_application_alone_isolates() -> None:
    for alone, weight in ((True, Severity.CRITICAL), (False, Severity.HIGH)):
        judged = judge_all(BOOK, [], isolation_in_code=alone)
        assert {item.control.id: item.control.weight for item in judged}["object-ownership"] is weight


def test_accepted_findings() -> None:
    judged = judge_control(CONTROL, [_ruled(OK, BAD, accepted=(1,))])
    assert judged.verdict is Verdict.ACCEPTED
    assert judge_control(CONTROL, [_ruled(BAD, _answer("d", State.FAIL), accepted=(0,))]).verdict is Verdict.FAIL


def test_share_turns_a_fail_into_partial_and_only_there() -> None:
    answers = [_answer(str(n), State.OK) for n in range(3)] + [_answer("x", State.FAIL, Severity.MEDIUM)]
    judged = judge_control(SHARE, [_ruled(*answers, page=INDEX)])
    assert judged.verdict is Verdict.PARTIAL
    assert _score(judged).lines[0].points_min == pytest.approx(2.5 * 0.5 * 0.75, abs=0.01)


def _score(*judged: Judged) -> Score:
    return weigh(list(judged), partial_scan=False)


def _judged(control: Control, verdict: Verdict, *, proved: bool = False) -> Judged:
    subjects = _ruled(OK).subjects
    return Judged(control, verdict, "", subjects, 1.0, proved, failed_at_threshold=verdict is Verdict.FAIL)


def _all(verdict: Verdict, **others: Verdict) -> list[Judged]:
    return [_judged(control, others.get(control.id.replace("-", "_"), verdict)) for control in BOOK.controls]


def test_everything_passed() -> None:
    score = _score(*_all(Verdict.PASS))
    assert (score.min, score.max, score.grade, score.coverage) == (100, 100, "A", 1)


def test_unknown_counts_as_nothing_for_certain_and_all_at_best() -> None:
    score = _score(*_all(Verdict.PASS, secure_headers=Verdict.UNKNOWN))
    assert score.min < 100 == score.max
    assert score.grade == "A"


@pytest.mark.parametrize(
    ("others", "grade", "low", "high"),
    [
        ({"tenant_isolation": Verdict.FAIL}, "F", 39, 39),
        ({"safe_calls": Verdict.FAIL}, "D", 69, 69),
        ({"no_hardcoded_secrets": Verdict.UNKNOWN}, "C", 79, 100),
    ],
)
def test_caps(others: dict[str, Verdict], grade: str, low: float, high: float) -> None:
    score = _score(*_all(Verdict.PASS, **others))
    assert (score.grade, score.min, score.max) == (grade, low, high)


def test_a_proved_exploit_caps_even_a_medium_control() -> None:
    judged = _all(Verdict.PASS)
    judged[3] = _judged(judged[3].control, Verdict.FAIL, proved=True)
    assert _score(*judged).grade == "F"


def test_low_coverage_is_not_graded() -> None:
    score = _score(*_all(Verdict.UNKNOWN, rls_on_all_tables=Verdict.PASS))
    assert score.grade is None
    assert score.coverage < 0.6
    assert score.max == 100


def test_a_part_of_the_rules_is_not_graded_and_nothing_is_nothing() -> None:
    assert weigh(_all(Verdict.PASS), partial_scan=True).grade is None
    nothing = _score(*_all(Verdict.NOT_APPLICABLE))
    assert (nothing.min, nothing.grade, nothing.lines) == (0, None, [])
