"""The formats for pipelines, read back by something that is not ours where there is such a thing."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from auditor.render import comment, csv_report, github, gitlab, json_report, junit
from auditor.report import Report
from tests.running import committed, run

if TYPE_CHECKING:
    from collections.abc import Callable

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
HOSTILE = "<script>alert(1)</script>\n::error::x|y`*_[a](http://b) @all \x1b[31m\u202e]]> =1+1"


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Report:
    file = tmp_path_factory.mktemp("report") / "leaky.json"
    run("scan", FIXTURES / "leaky", "-q", "--offline", "--no-shadow", "-o", f"json={file}")
    return Report.model_validate_json(file.read_bytes())


@pytest.fixture(scope="module")
def hostile(leaky: Report) -> Report:
    """The same report, with what a repository would smuggle into every text that it decides."""
    changed = [
        finding.model_copy(update={"subject": HOSTILE, "detail": HOSTILE, "title": HOSTILE})
        for finding in leaky.findings
    ]
    gate = leaky.gate.model_copy(update={"reason": HOSTILE})
    return leaky.model_copy(update={"findings": changed, "gate": gate})


def test_junit_counts_and_never_passes_what_was_not_asked(leaky: Report) -> None:
    root = ET.fromstring(junit.render(leaky))  # noqa: S314 - written by us
    cases = root.findall("testsuite/testcase")
    assert len(cases) == len(leaky.rules) == int(root.get("tests", "0"))
    passed = {case.get("name") for case in cases if not list(case)}
    assert passed == {rule.id for rule in leaky.rules if rule.outcome == "pass"} - _failing(leaky)
    assert {case.get("name") for case in cases if case.find("failure") is not None} == _failing(leaky)


def _failing(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings if finding.status == "open"}


def test_github_annotates_lines_and_says_why_the_gate_closed(leaky: Report) -> None:
    lines = github.render(leaky).splitlines()
    assert len(lines) <= 52
    assert any(
        line.startswith("::error title=critical%3A ") and ",file=" in line and ",line=" in line for line in lines
    )
    assert lines[-1].startswith("::error title=backend-audit::gate failed")


def test_gitlab_fingerprints_are_unique_and_findings_complete(leaky: Report) -> None:
    issues = json.loads(gitlab.render_codequality(leaky))
    found = [finding for finding in leaky.findings if finding.status == "open"]
    assert sorted(issue["fingerprint"] for issue in issues) == sorted(finding.fingerprint for finding in found)
    assert {issue["severity"] for issue in issues} <= {"info", "minor", "major", "critical", "blocker"}
    report = json.loads(gitlab.render_sast(leaky))
    assert len(report["vulnerabilities"]) == len(found)
    wanted = {"id", "name", "description", "severity", "location", "identifiers"}
    assert all(wanted <= item.keys() for item in report["vulnerabilities"])
    assert {item["severity"] for item in report["vulnerabilities"]} <= {"Critical", "High", "Medium", "Low", "Info"}


def test_csv_reads_back_and_starts_no_formula(hostile: Report) -> None:
    changed = [finding.model_copy(update={"subject": "=HYPERLINK(1)"}) for finding in hostile.findings]
    rows = list(csv.DictReader(io.StringIO(csv_report.render(hostile.model_copy(update={"findings": changed})))))
    assert len(rows) == len(hostile.findings)
    assert {row["subject"] for row in rows} == {"'=HYPERLINK(1)"}


def test_a_comment_shows_the_checklist_and_fits(leaky: Report) -> None:
    text = comment.render(leaky)
    assert len(text) < 65_536, "the longest comment of GitHub"
    shown = [control for control in leaky.controls if control.verdict != "not_asked"]
    table = MarkdownIt().enable("table").render(text)
    assert table.count("<tr>") >= len(shown)


@pytest.mark.parametrize("render", [junit.render, github.render, gitlab.render_sast, csv_report.render, comment.render])
def test_what_a_repository_writes_stays_text(hostile: Report, render: Callable[[Report], str]) -> None:
    text = render(hostile)
    assert "\x1b" not in text
    assert "\u202e" not in text
    if render is comment.render:
        html = MarkdownIt().enable("table").render(text)
        assert "<script" not in html
        assert "http://b" not in [part.split('"')[0] for part in html.split('href="')[1:]]
    if render is github.render:
        assert "\n::error::x" not in text
    if render is junit.render:
        ET.fromstring(text)  # noqa: S314 - written by us


def test_convert_makes_them_later(leaky: Report, tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    source.write_text(json_report.render(leaky), "utf-8")
    outputs = [f"{form}={tmp_path / form}" for form in ("json", "html", "sarif", "junit", "markdown", "csv")]
    answer = run("report", "convert", source, *[part for output in outputs for part in ("-o", output)])
    assert answer.code == 0, answer.err
    assert (tmp_path / "json").read_text("utf-8") == source.read_text("utf-8")
    assert (tmp_path / "junit").read_text("utf-8") == junit.render(leaky)


@pytest.mark.parametrize("form", ["sarif", "github", "gitlab-codequality", "gitlab-sast"])
def test_what_is_made_later_has_the_paths_of_the_scan(form: str, tmp_path: Path) -> None:
    root = committed(tmp_path / "repo", {"apps/api/a.ts": "try { await prisma.note.delete({}) } catch {}\n"})
    new, source, later = (tmp_path / name for name in ("new", "in.json", "later"))
    asked = ("--only", "empty-catch", "--no-shadow", "--offline", "-q")
    run("scan", root / "apps/api", *asked, "-o", f"{form}={new}", "-o", f"json={source}")
    run("report", "convert", source, "-o", f"{form}={later}")
    assert "apps/api" in new.read_text("utf-8")
    assert later.read_text("utf-8") == new.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "words"), [(None, "No such file"), ("{", "not a report"), ('{"schema_version": "9"}', "not a report")]
)
def test_what_is_no_report_is_said(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "in.json").write_text(text)
    answer = run("report", "convert", tmp_path / "in.json", "-o", "csv=-")
    assert answer.code == 2
    assert words in answer.err


def test_a_list_of_packages_cannot_be_made_later(leaky: Report, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json_report.render(leaky), "utf-8")
    answer = run("report", "convert", tmp_path / "in.json", "-o", "cyclonedx=-")
    assert answer.code == 2
    assert "scan with -o cyclonedx=FILE" in answer.err


def test_services_find_files_from_the_top_level(leaky: Report) -> None:
    found = next(finding for finding in leaky.findings if finding.location)
    report = leaky.model_copy(update={"findings": [found]})
    assert found.location
    path = f"apps/api/{found.location.path}"
    assert f"file={path}," in github.render(report, "apps/api")
    assert json.loads(gitlab.render_codequality(report, "apps/api"))[0]["location"]["path"] == path
    assert json.loads(gitlab.render_sast(report, "apps/api"))["vulnerabilities"][0]["location"]["file"] == path


def test_what_does_not_fit_is_counted(leaky: Report) -> None:
    many = [leaky.findings[0].model_copy(update={"fingerprint": f"{n:032x}", "status": "open"}) for n in range(300)]
    report = leaky.model_copy(update={"findings": many})
    assert "250 more findings are in the other reports" in github.render(report)
    assert "and 275 more" in comment.render(report)
    assert "… and 200 more" in junit.render(report)
    assert len(list(csv.DictReader(io.StringIO(csv_report.render(report))))) == 300


def test_a_repository_below_the_top_level_is_scanned_with_its_folder(tmp_path: Path) -> None:
    committed(tmp_path, {"apps/api/src/a.ts": "try { run() } catch (e) {}\n", "apps/api/package.json": "{}"})
    out = tmp_path / "out.json"
    wanted = ("--only", "empty-catch", "--no-shadow", "--offline", "-q")
    run("scan", tmp_path / "apps" / "api", *wanted, "-o", f"gitlab-codequality={out}")
    assert [issue["location"]["path"] for issue in json.loads(out.read_text("utf-8"))] == ["apps/api/src/a.ts"]
