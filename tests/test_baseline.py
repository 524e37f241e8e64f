"""A baseline sets findings aside for the gate, and nowhere else; what is stale or got worse is said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from auditor.baseline import FILE_NAME, Baseline, apply, parse, written
from auditor.compare import Item
from auditor.model import Severity, UsageError
from auditor.report import Report
from tests.running import committed, git, run, write

if TYPE_CHECKING:
    from pathlib import Path

CATCH = "export function %s() {\n  try { work() } catch {}\n}\n"
ONLY = ("--no-shadow", "--only", "empty-catch")
ROW = {"rule": "", "fingerprint": "", "subject": "", "place": "", "evidence": "", "severity": "low"}
GATE = (*ONLY, "--fail-on", "low")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return committed(tmp_path / "project", {"src/a.ts": CATCH % "load" + CATCH % "store"})


def scanned(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    place = folder.parent / "r.json"
    code = run("scan", folder, *GATE, "-o", f"json={place}", *options).code
    return code, json.loads(place.read_text())


def states(report: dict[str, Any]) -> dict[str, str]:
    return {finding["subject"]: finding["status"] for finding in report["findings"]}


def test_what_is_in_it_passes_and_stays_in_score_and_report(project: Path) -> None:
    code, before = scanned(project)
    assert code == 1
    assert run("baseline", "create", project, *ONLY).code == 0
    code, after = scanned(project)
    assert (code, set(states(after).values())) == (0, {"baselined"})
    assert after["score"] == before["score"]
    assert after["controls"] == before["controls"]
    assert "still in the score" in run("scan", project, *GATE).out
    assert scanned(project, "--no-baseline")[0] == 1
    write(project, {"src/b.ts": CATCH % "fresh"})
    code, after = scanned(project)
    assert (code, states(after)["catch src/b.ts:fresh"]) == (1, "open")


def test_the_file_is_sorted_one_line_for_each_and_says_the_commit(project: Path) -> None:
    run("baseline", "create", project, *ONLY)
    text = (project / FILE_NAME).read_text()
    rows = [line for line in text.splitlines() if '"fingerprint"' in line]
    assert [json.loads(row.strip().rstrip(","))["subject"] for row in rows] == [
        "catch src/a.ts:load", "catch src/a.ts:store",
    ]  # fmt: skip
    assert json.loads(text)["commit"] == git(project, "rev-parse", "HEAD")
    assert run("baseline", "create", project, *ONLY).code == 2, "it is there already"
    assert run("baseline", "create", project, *ONLY, "--force").code == 0
    assert (project / FILE_NAME).read_text() == text


def test_renames_since_it_was_written_are_followed(project: Path) -> None:
    run("baseline", "create", project, *ONLY)
    git(project, "mv", "src/a.ts", "src/moved.ts")
    code, report = scanned(project)
    assert (code, set(states(report).values()), report["baseline"]["stale"]) == (0, {"baselined"}, [])


def test_a_copy_is_open(project: Path) -> None:
    run("baseline", "create", project, *ONLY)
    write(project, {"src/copy.ts": CATCH % "load"})
    git(project, "add", "-A")
    code, report = scanned(project)
    assert (code, states(report)["catch src/copy.ts:load"]) == (1, "open")


def test_stale_entries_are_said_and_an_update_drops_them(project: Path) -> None:
    run("baseline", "create", project, *ONLY)
    write(project, {"src/a.ts": CATCH % "load", "src/b.ts": CATCH % "fresh"})
    report = scanned(project)[1]
    assert [item["subject"] for item in report["baseline"]["stale"]] == ["catch src/a.ts:store"]
    found = run("baseline", "diff", project, *ONLY)
    assert found.out.splitlines() == [
        "+ low      empty-catch  catch src/b.ts:fresh  src/b.ts",
        "- low      empty-catch  catch src/a.ts:store  src/a.ts",
    ]
    assert run("baseline", "update", project, *ONLY).code == 0
    code, report = scanned(project)
    assert (code, report["baseline"]["entries"], report["baseline"]["stale"]) == (1, 1, [])
    assert run("baseline", "update", project, *ONLY, "--add-new").code == 0
    assert scanned(project)[0] == 0


def test_what_was_not_asked_is_not_stale(project: Path) -> None:
    run("baseline", "create", project, *ONLY)
    assert scanned(project, "--only", "hardcoded-provider-token")[1]["baseline"]["stale"] == []
    run("scan", project, "--no-shadow", "--only", "hardcoded-provider-token", "-o", f"json={project.parent / 'r.json'}")
    assert json.loads((project.parent / "r.json").read_text())["baseline"]["stale"] == []


def test_what_became_more_severe_is_open_again(project: Path) -> None:
    run("baseline", "create", project, *ONLY)
    write(project, {"backend-audit.toml": '[severity]\nempty-catch = "high"\n'})
    code, report = scanned(project)
    assert (code, set(states(report).values())) == (1, {"open"})
    assert "as low, and high now" in report["findings"][0]["status_reason"]


def test_former_names_of_a_rule_are_honoured(project: Path) -> None:
    report = Report.model_validate(scanned(project)[1])
    entries = tuple(
        Item("swallowed-error", f"old{n}", Severity.LOW, f.subject, "src/a.ts", f.evidence)
        for n, f in enumerate(report.findings)
    )
    assert apply(Baseline(entries=entries), report, {})[1].matched == 0
    findings, note = apply(Baseline(entries=entries, formerly={"swallowed-error": "empty-catch"}), report, {})
    assert (note.matched, note.stale, {f.status for f in findings}) == (2, [], {"baselined"})


def test_a_report_can_be_the_source(project: Path) -> None:
    scanned(project)
    assert run("baseline", "create", project, "--from", project.parent / "r.json").code == 0
    assert scanned(project)[0] == 0


def test_a_file_elsewhere_can_be_named(project: Path, tmp_path: Path) -> None:
    place = tmp_path / "known.json"
    assert run("baseline", "create", project, *ONLY, "--file", place).code == 0
    assert scanned(project)[0] == 1
    assert scanned(project, "--baseline", str(place))[0] == 0
    assert run("scan", project, "--baseline", tmp_path / "none.json").code == 2
    assert run("scan", project, "--baseline", place, "--no-baseline").code == 2


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"version": 2, "findings": []}', '{"version": 1}', '{"version": 1, "findings": [1]}',
        '{"version": 1, "findings": [{"rule": "x"}]}', "[" * 100_000,
        json.dumps({"version": 1, "findings": [ROW | {"rule": 1}]}),
        json.dumps({"version": 1, "findings": [ROW | {"severity": "huge"}]}),
        '{"version": 1, "findings": [{"reason": ""}]}',
    ],
)  # fmt: skip
def test_a_broken_file_is_a_usage_error_and_no_empty_baseline(project: Path, text: str) -> None:
    with pytest.raises(UsageError, match=FILE_NAME):
        parse(text, FILE_NAME, {})
    write(project, {FILE_NAME: text})
    assert run("scan", project, *ONLY).code == 2


def test_a_link_is_not_followed(project: Path, tmp_path: Path) -> None:
    write(tmp_path, {"outside.json": '{"version": 1, "commit": null, "findings": []}'})
    (project / FILE_NAME).symlink_to(tmp_path / "outside.json")
    assert run("scan", project, *ONLY).code == 2
    assert run("baseline", "create", project, *ONLY, "--force").code == 2


def test_no_secret_is_written() -> None:
    key = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
    item = Item("r", "f", Severity.LOW, f"secret {key}", "a.ts", "x")
    assert key not in written(Baseline(entries=(item,)))
    assert parse(written(Baseline(entries=())), "x", {}).entries == ()
