"""Frameworks as views, and findings explained from the last report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.audit import Request, audit
from auditor.frameworks import load_framework, names, view
from auditor.model import Target, UsageError, Verdict
from auditor.render import framework, json_report
from auditor.rulebook import load_rulebook
from tests.running import run, write

if TYPE_CHECKING:
    from auditor.report import Report

FIXTURES = Path(__file__).parents[1] / "fixtures"
BOOK = load_rulebook()


@pytest.fixture(scope="module")
def report() -> Report:
    target = Target(FIXTURES / "leaky", shadow=False, offline=True)
    return audit(Request(target, only=("code", "secret", "repository")), BOOK)[0]


@pytest.mark.parametrize("name", names())
def test_every_requirement_rests_on_controls_that_exist(name: str) -> None:
    found = load_framework(name, BOOK)
    known = {control.id for control in BOOK.controls}
    assert found.requirements
    assert len({item.id for item in found.requirements}) == len(found.requirements)
    for item in found.requirements:
        assert item.controls, item.id
        assert set(item.controls) <= known, item.id


def test_every_control_is_evidence_for_something() -> None:
    for name in ("owasp-asvs", "iso-27001"):
        used = {control for item in load_framework(name, BOOK).requirements for control in item.controls}
        missing = {control.id for control in BOOK.controls} - used
        assert missing <= {"safe-migrations", "indexed-access-paths", "no-n-plus-one", "hardened-platform"}, name


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        ([Verdict.PASS, Verdict.FAIL], "evidence against"),
        ([Verdict.PARTIAL], "evidence against"),
        ([Verdict.PASS, Verdict.UNKNOWN], "not known"),
        ([Verdict.PASS, Verdict.NOT_APPLICABLE], "evidence for"),
        ([Verdict.ACCEPTED], "evidence for"),
        ([Verdict.NOT_APPLICABLE], "not applicable"),
        ([Verdict.NOT_ASKED, Verdict.NOT_APPLICABLE], "not applicable"),
        ([Verdict.NOT_ASKED], "not asked"),
    ],
)
def test_one_bad_verdict_outweighs_good_ones_and_silence_is_no_evidence(verdicts: list[Verdict], state: str) -> None:
    access = next(item for item in load_framework("soc-2", BOOK).requirements if item.id == "CC6.6")
    given = dict(zip(access.controls, verdicts, strict=False))
    row = next(row for row in view(load_framework("soc-2", BOOK), given).rows if row.requirement.id == "CC6.6")
    assert row.state == state


def test_views_in_each_form(report: Report) -> None:
    text = framework.render("owasp-asvs", report, BOOK)
    assert "no statement of compliance" in text
    assert "Stays with people:" in text
    markdown = framework.render("owasp-asvs", report, BOOK, "markdown")
    assert "| 13.3.1 | evidence against |" in markdown
    shown = json.loads(framework.render("cwe", report, BOOK, "json"))
    assert {"CWE-798", "CWE-89"} <= {row["id"] for row in shown["requirements"]}
    assert 0 < shown["known"] <= shown["applicable"]


def test_a_name_that_is_none_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="did you mean 'owasp-asvs'"):
        load_framework("owasp-asv", BOOK)


def test_a_finding_of_a_report_is_explained(report: Report, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(json_report.render(report), "utf-8")
    finding = report.findings[0]
    shown = run("explain", finding.fingerprint[:16], "--report", str(file))
    assert shown.code == 0
    assert finding.subject in shown.out
    assert BOOK.page(finding.rule).title in shown.out  # type: ignore[union-attr]
    assert run("explain", "0000000000", "--report", str(file)).code == 2


def test_the_last_scan_of_a_folder_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "a.ts").write_text("try { work() } catch {}\n", "utf-8")
    monkeypatch.chdir(tmp_path / "app")
    assert run("scan", "--offline", "--only", "empty-catch", "-q", "-o", "json=../r.json").code in {0, 1}
    fingerprint = json.loads((tmp_path / "r.json").read_text("utf-8"))["findings"][0]["fingerprint"]
    shown = run("explain", fingerprint[:10])
    assert (shown.code, "a.ts:1" in shown.out) == (0, True)


def test_a_scan_shows_the_frameworks_that_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path, {"a.ts": "export const a = 1\n"})
    asked = ("scan", tmp_path, "--offline", "--no-shadow", "--allow-unknown", "all")
    assert "OWASP ASVS 5.0: " in run(*asked, "--framework", "owasp-asvs").out
    assert run(*asked, "--framework", "owasp").code == 2
    write(tmp_path, {"backend-audit.toml": 'frameworks = ["hipaa"]\n'})
    assert "164.312(b)" in run(*asked).out
    write(tmp_path, {"backend-audit.toml": 'frameworks = ["hippa"]\n'})
    wrong = run(*asked)
    assert (wrong.code, "did you mean 'hipaa'" in wrong.err) == (2, True)
