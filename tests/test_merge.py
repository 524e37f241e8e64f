"""Reports of several scans as one: paths, denominators, verdicts, score and gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from auditor.merge import Part, merge
from auditor.model import Outcome, UsageError, Verdict
from auditor.render import json_report
from auditor.report import Gate, Report
from auditor.rulebook import load_rulebook
from tests.render_samples import sample_report
from tests.running import run

if TYPE_CHECKING:
    from pathlib import Path

BOOK = load_rulebook()


def merged(*parts: tuple[str, Report]) -> Report:
    return merge([Part(folder, report) for folder, report in parts], BOOK)


def clean(report: Report, verdict: Verdict = Verdict.PASS) -> Report:
    """The same checklist with one verdict throughout, and no finding."""
    controls = [
        each.model_copy(
            update={
                "verdict": verdict,
                "reason": "fine",
                "subjects": each.subjects.model_copy(update={"total": 4, "ok": 4, "failed": 0, "unknown": 0}),
            }
        )
        for each in report.controls
    ]
    rules = [each.model_copy(update={"outcome": Outcome.PASS, "subjects_failed": 0}) for each in report.rules]
    gate = Gate(exit_code=0, reason="gate passed: no open finding of severity high or more")
    empty: dict[str, Any] = {"findings": [], "not_checked": [], "endpoints": [], "access": []}
    return report.model_copy(update={**empty, "controls": controls, "rules": rules, "gate": gate})


def verdicts(report: Report) -> dict[str, Verdict]:
    return {control.id: control.verdict for control in report.controls}


def test_paths_units_and_databases_get_their_folder() -> None:
    report = merged(("apps/api", sample_report()), ("apps/web", sample_report()))
    places = {finding.location.path for finding in report.findings if finding.location}
    assert all(path.startswith(("apps/api/", "apps/web/")) for path in places)
    assert {finding.unit for finding in report.findings} == {"apps/api", "apps/web"}
    assert {unit.path for unit in report.target.units} == {
        "apps/api", "apps/api/apps/web", "apps/web", "apps/web/apps/web",
    }  # fmt: skip
    assert {cell.database for cell in report.access} == {"apps/api/shadow", "apps/web/shadow"}
    assert {row.location.path.split("/")[1] for row in report.not_checked if row.location} == {"api", "web"}
    assert report.target.commit == sample_report().target.commit


def test_the_same_fault_in_two_folders_is_two_findings() -> None:
    one = sample_report()
    report = merged(("a", one), ("b", one))
    assert len(report.findings) == 2 * len(one.findings)
    assert len({finding.fingerprint for finding in report.findings}) == len(report.findings)
    again = merged(("a", one), ("b", one))
    assert report == again, "fingerprints are stable"


def test_reports_about_one_folder_complete_each_other() -> None:
    one = sample_report()
    report = merged((".", one), (".", one))
    assert len(report.findings) == len(one.findings)
    assert len(report.endpoints) == len(one.endpoints)
    assert len(report.access) == len(one.access)
    assert {f.fingerprint for f in report.findings} == {f.fingerprint for f in one.findings}


def test_a_finding_that_one_report_accepts_stays_open_in_another() -> None:
    one = sample_report()
    accepted = one.model_copy(update={"findings": [f.model_copy(update={"status": "accepted"}) for f in one.findings]})
    report = merged((".", accepted), (".", one))
    still_open = {f.fingerprint for f in report.findings if f.status == "open"}
    assert still_open == {f.fingerprint for f in one.findings if f.status == "open"}


@pytest.mark.parametrize("order", [1, -1])
def test_the_worst_verdict_wins_and_denominators_add_up(order: int) -> None:
    bad = sample_report()
    report = merged(*[("bad", bad), ("good", clean(bad))][::order])
    worse = {control.id: control for control in bad.controls}
    for control in report.controls:
        before = worse[control.id]
        kept = before.verdict not in {Verdict.NOT_APPLICABLE, Verdict.NOT_ASKED, Verdict.PASS}
        assert control.verdict == (before.verdict if kept else Verdict.PASS), control.id
        assert control.subjects.total == before.subjects.total + 4
        assert control.subjects.ok == before.subjects.ok + 4
    rules = {rule.id: rule for rule in report.rules}
    assert rules["rls-disabled"].outcome is Outcome.FAIL
    assert rules["rls-disabled"].subjects_total == 28
    assert rules["rls-disabled"].reason == "3 of 14"


def test_two_reports_of_one_scan_are_no_more_than_one() -> None:
    one = sample_report()
    once, twice = merged((".", one)), merged((".", one), (".", one))
    assert json_report.render(twice) == json_report.render(once)
    assert {rule.id: rule.subjects_total for rule in twice.rules} == {
        rule.id: rule.subjects_total for rule in one.rules
    }


def test_an_endpoint_of_two_reports_about_one_folder_is_one() -> None:
    one = sample_report()
    other = one.model_copy(
        update={"endpoints": [e.model_copy(update={"rate_limit": e.signature}) for e in one.endpoints]}
    )
    assert merged((".", one), (".", other)).endpoints == merged((".", one)).endpoints


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [(("apps/api", "apps/web"), "apps"), (("api", "web"), ""), (("x/api", "y/web"), ""), (("", ""), "")],
)
def test_what_is_merged_lies_where_its_parts_say(prefixes: tuple[str, str], expected: str) -> None:
    one = sample_report()
    parts = [
        (folder, one.model_copy(update={"target": one.target.model_copy(update={"prefix": prefix})}))
        for folder, prefix in zip(("api", "web"), prefixes, strict=True)
    ]
    assert merged(*parts).target.prefix == expected


def test_the_score_is_worked_out_anew() -> None:
    bad = sample_report()
    fine = merged(("a", clean(bad)), ("b", clean(bad)))
    assert (fine.score.min, fine.score.grade, fine.score.caps) == (100, "A", [])
    both = merged(("a", clean(bad)), ("b", bad))
    assert both.score.grade is None, "the sample left a rule out"
    assert both.score.min <= 39
    assert any("a critical control failed: " in cap.reason for cap in both.score.caps)
    lines = {line.control: line for line in both.score.lines}
    assert lines["rls-on-all-tables"].points_max == 0
    assert (lines["clean-dependencies"].points_min, lines["clean-dependencies"].points_max) == (0, 7.5)


def test_an_unknown_part_keeps_a_control_unknown() -> None:
    one = clean(sample_report())
    unknown = clean(sample_report(), Verdict.UNKNOWN)
    report = merged(("a", one), ("b", unknown))
    assert set(verdicts(report).values()) == {Verdict.UNKNOWN}
    assert (report.score.min, report.score.grade) == (0, None)


def test_the_gate_is_that_of_the_part_that_fared_worst() -> None:
    def ended(code: int, reason: str) -> Report:
        return clean(sample_report()).model_copy(update={"gate": Gate(exit_code=code, reason=reason, notes=["n"])})

    passed, failed = ended(0, "gate passed: fine"), ended(1, "gate failed: 2 open findings")
    incomplete = ended(4, "incomplete: 1 control")
    assert merged(("a", passed), ("b", incomplete)).gate.exit_code == 4
    gate = merged(("a", failed), ("b", incomplete), ("c", failed)).gate
    assert (gate.exit_code, gate.reason) == (1, "gate failed: a: 2 open findings; c: 2 open findings")
    assert gate.notes == ["a: n", "b: n", "c: n"]


def test_scans_of_parts_of_the_rules_are_graded_together_only() -> None:
    whole = clean(sample_report())
    half = [
        whole.model_copy(
            update={
                "rules": [
                    rule.model_copy(update={"outcome": Outcome.NOT_ASKED}) if (number % 2) == left else rule
                    for number, rule in enumerate(whole.rules)
                ]
            }
        )
        for left in (0, 1)
    ]
    assert merged((".", half[0]), (".", half[1])).score.grade == "A"
    assert merged(("a", half[0]), ("b", half[1])).score.grade is None


def test_reports_of_different_scoring_do_not_go_together() -> None:
    one = sample_report()
    with pytest.raises(UsageError, match="scoring_version"):
        merged(("a", one), ("b", one.model_copy(update={"scoring_version": "0"})))


def test_the_command_writes_and_says_what_it_joined(tmp_path: Path) -> None:
    for name in ("api", "web"):
        (tmp_path / f"{name}.json").write_text(json_report.render(sample_report()), "utf-8")
    out = tmp_path / "all.json"
    answer = run("report", "merge", tmp_path / "api.json", f"apps/web={tmp_path / 'web.json'}", "-o", f"json={out}")
    assert answer.code == 0, answer.err
    assert "2 reports about api, apps/web: " in answer.err
    report = Report.model_validate_json(out.read_bytes())
    assert {finding.unit for finding in report.findings} == {"api", "apps/web"}
    sarif = run("report", "merge", out, f".={out}", "-o", "sarif=-")
    assert "apps/web/supabase/migrations" in sarif.out


@pytest.mark.parametrize("folder", ["/abs", "../up", "a/../../b", ""])
def test_a_folder_outside_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "a.json").write_text(json_report.render(sample_report()), "utf-8")
    answer = run("report", "merge", f"{folder}={tmp_path / 'a.json'}", "-o", "csv=-")
    assert answer.code == 2
    assert "FOLDER" in answer.err
