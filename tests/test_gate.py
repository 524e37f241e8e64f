"""The gate: what fails it, in which order, and the sentence that says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from auditor.gate import GateSettings, decide
from auditor.model import Severity, Verdict
from auditor.report import ControlResult, Finding, Score, Subjects
from tests.running import run, write

if TYPE_CHECKING:
    from pathlib import Path

HIGH, LOW = Severity.HIGH, Severity.LOW
SQL = "create table public.notes (id int primary key);\n"


def _finding(severity: Severity = HIGH, **more: Any) -> Finding:  # noqa: ANN401 - fields of any type
    values: dict[str, Any] = {
        "rule": "rls-disabled", "control": "rls-on-all-tables", "severity": severity, "confidence": "inferred",
        "subject": "table public.notes", "title": "", "detail": "", "fix": "", "unit": ".", "database": None,
        "location": None, "object": None, "sources": [], "fingerprint": "f", "frame": [], "proof": None,
        "status": "open",
    }  # fmt: skip
    return Finding.model_validate(values | more)


def _control(verdict: Verdict, name: str = "rls-on-all-tables", weight: Severity = HIGH) -> ControlResult:
    return ControlResult(
        id=name, title="", asks="", weight=weight, verdict=verdict, reason="", rules=[], extended=False,
        subjects=Subjects(total=0, ok=0, failed=0, unknown=0),
    )  # fmt: skip


def _score(grade: Any = "B", coverage: float = 0.9) -> Score:  # noqa: ANN401 - a letter or None
    return Score(min=80, max=90, grade=grade, coverage=coverage, caps=[], lines=[])


def test_only_new_ones_count_for_the_second_gate() -> None:
    settings = GateSettings(fail_on=None, fail_on_new=HIGH)
    for change, code in (("new", 1), ("worse", 1), ("returned", 1), ("moved", 0), ("unchanged", 0), (None, 0)):
        assert decide(settings, [_finding(change=change)], []).exit_code == code, change
    assert decide(settings, [_finding(LOW, change="new")], []).exit_code == 0
    assert decide(settings, [_finding(change="new", confidence="suspected")], []).exit_code == 0
    for status in ("accepted", "baselined"):
        assert decide(settings, [_finding(change="new", status=status)], []).exit_code == 0


@pytest.mark.parametrize(
    ("least", "grade", "code"),
    [("A", "A", 0), ("B", "A", 0), ("A", "B", 1), ("D", "F", 1), ("F", "F", 0), ("F", None, 1), (None, None, 0)],
)
def test_the_least_grade(least: str | None, grade: str | None, code: int) -> None:
    gate = decide(GateSettings(min_grade=least), [], [], _score(grade))
    assert gate.exit_code == code
    if code:
        assert (f"grade {grade} is below {least}" if grade else "the scan is not graded") in gate.reason


def test_the_least_coverage() -> None:
    assert decide(GateSettings(min_coverage=90), [], [], _score()).exit_code == 0
    gate = decide(GateSettings(min_coverage=90.5), [], [], _score())
    assert (gate.exit_code, gate.reason) == (1, "gate failed: coverage 90.0 % is below 90.5 %")


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_required_control_must_pass(verdict: Verdict) -> None:
    settings = GateSettings(require=("rls-on-all-tables",), allow_unknown=("all",))
    gate = decide(settings, [], [_control(verdict)])
    assert gate.exit_code == (0 if verdict in {Verdict.PASS, Verdict.NOT_APPLICABLE} else 1)
    if gate.exit_code:
        assert f"rls-on-all-tables is {verdict.value.replace('_', ' ')}" in gate.reason


def test_one_sentence_holds_every_reason_and_failing_outranks_unknown() -> None:
    settings = GateSettings(fail_on_new=LOW, min_grade="A", min_coverage=95, require=("rls-on-all-tables",))
    gate = decide(settings, [_finding(change="new")], [_control(Verdict.UNKNOWN)], _score())
    assert gate.exit_code == 1
    for part in ("1 open finding of", "1 new finding of", "grade B is below A", "90.0 % is below 95 %", "is unknown"):
        assert part in gate.reason
    assert "\n" not in gate.reason


def test_why_it_passed_is_said_with_what_is_set_aside() -> None:
    assert decide(GateSettings(), [], []).reason == "gate passed: no open finding of severity high or more"
    aside = [_finding(status="baselined"), _finding(LOW, status="baselined"), _finding(LOW)]
    assert decide(GateSettings(), aside, []).reason.endswith("(1 accepted or baselined)")
    assert "no finding fails it" in decide(GateSettings(fail_on=None), aside, []).reason


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path, {"supabase/migrations/1.sql": SQL, "src/a.ts": "try { work() } catch {}\n"})


def test_the_settings_loosen_nothing_in_silence(root: Path) -> None:
    write(root, {"backend-audit.toml": '# ours\nfail-on = "never"\nallow-unknown = ["all"]\n'})
    found = run("scan", root, "--no-shadow")
    assert found.code == 0
    assert 'note: backend-audit.toml:2: fail-on = "never"' in found.out
    assert "note: backend-audit.toml:3: allow-unknown: all may be unknown" in found.out
    assert "whatever its severity" in found.out
    assert "fail-on" not in run("scan", root, "--no-shadow", "--fail-on", "high").out


def test_the_settings_may_ask_for_more(root: Path) -> None:
    only = ("--no-shadow", "--allow-unknown", "all")
    assert run("scan", root, *only).code == 0
    for text in ('require = ["rls-on-all-tables"]', "min-coverage = 100", 'min-grade = "A"'):
        write(root, {"backend-audit.toml": text + "\n"})
        assert run("scan", root, *only).code == 1, text
    assert run("scan", root, *only, "--min-grade", "F", "--fail-on", "never").code == 1, "it is not graded"
    write(root, {"backend-audit.toml": "min-coverage = 100\n"})
    assert run("scan", root, *only, "--min-coverage", "0").code == 0, "the command line wins"


@pytest.mark.parametrize(
    "options", [("--require", "rls-on-all-table"), ("--min-coverage", "101"), ("--min-grade", "E")]
)
def test_what_cannot_be_asked_for_is_a_usage_error(root: Path, options: tuple[str, str]) -> None:
    assert run("scan", root, "--no-shadow", *options).code == 2
