"""What is remembered of earlier scans, and that a report does not depend on how often a tree was scanned."""

from __future__ import annotations

import json
import os
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from auditor.report import Report
from auditor.sources.history import FOLDER, HistoryError, Known, Scan, keep, read_scans
from auditor.trend import earlier, recurring, with_trend
from tests.running import committed, git, run, write

if TYPE_CHECKING:
    from pathlib import Path

CATCH = "export function %s() {\n  try { work() } catch {}\n}\n"
SOUND = "export function load() {\n  work()\n}\n"
OPTIONS = ("--no-shadow", "--offline", "--allow-unknown", "all")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CI")
    return committed(tmp_path / "project", {"src/a.ts": CATCH % "load", "package.json": "{}"})


def scanned(folder: Path, *options: str) -> dict[str, Any]:
    place = folder.parent / "r.json"
    run("scan", folder, *OPTIONS, *options, "-o", f"json={place}")
    found: dict[str, Any] = json.loads(place.read_text())
    return found


def _without_seconds(report: dict[str, Any]) -> str:
    return json.dumps(report | {"evidence": [note | {"seconds": 0} for note in report["evidence"]]})


def test_the_same_tree_gives_the_same_report_however_often_it_is_scanned(project: Path) -> None:
    first, second, third = (_without_seconds(scanned(project)) for _ in range(3))
    assert first == second == third
    assert len(read_scans(project)) == 1
    write(project, {"src/a.ts": SOUND})
    changed = _without_seconds(scanned(project))
    assert changed != first
    assert _without_seconds(scanned(project)) == changed
    assert [point["findings"] for point in json.loads(changed)["trend"]["points"]] == [{"low": 1}]


def test_what_was_fixed_and_came_back_is_said(project: Path) -> None:
    scanned(project)
    write(project, {"src/a.ts": SOUND})
    scanned(project)
    write(project, {"src/a.ts": CATCH % "load"})
    for _ in range(2):
        report = scanned(project)
        found = next(f for f in report["findings"] if f["rule"] == "empty-catch")
        assert found["change"] == "returned"
        assert found["change_reason"].startswith("fixed on 20")
        assert found["change_reason"].endswith(", came back")
    assert "1 finding came back" in run("scan", project, *OPTIONS).out
    git(project, "commit", "-q", "--allow-empty", "-m", "next")
    assert {f["change"] for f in scanned(project)["findings"]} == {None}, "it was there the last time"


def test_git_sees_nothing_of_it_and_no_rule_reads_it(project: Path) -> None:
    before = scanned(project)["evidence"]
    assert git(project, "status", "--porcelain") == ""
    after = scanned(project)["evidence"]
    assert [note["facts"] for note in before] == [note["facts"] for note in after]
    assert (project / FOLDER).stat().st_mode & 0o077 == 0


def test_without_git_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI")
    folder = write(tmp_path / "plain", {"src/a.ts": CATCH % "load"})
    assert _without_seconds(scanned(folder)) == _without_seconds(scanned(folder))


def test_none_is_kept_where_nobody_asked(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for options in (("--no-history",), ("--only", "code"), ("--exclude", "x"), ("--changed",)):
        scanned(project, *options) if options != ("--changed",) else run("scan", project, "--changed")
    monkeypatch.setenv("CI", "true")
    assert scanned(project)["trend"] is None
    assert not (project / FOLDER).exists()
    assert run("scan", project, *OPTIONS, "--history", "--only", "code").code == 2
    assert scanned(project, "--history")["trend"] == {"points": [], "recurring": []}
    assert len(read_scans(project)) == 1


def test_scans_that_looked_at_other_things_tell_nothing_of_each_other(project: Path) -> None:
    scanned(project)
    write(project, {"src/a.ts": SOUND})
    scanned(project, "--all-migrations")
    write(project, {"src/a.ts": CATCH % "load"})
    report = scanned(project)
    assert report["trend"]["points"] == []
    assert {f["change"] for f in report["findings"]} == {None}


def test_the_command_shows_them(project: Path) -> None:
    assert "no scan was kept" in run("history", project).err
    scanned(project)
    write(project, {"src/a.ts": SOUND})
    scanned(project)
    found = run("history", project)
    assert found.code == 0
    lines = found.out.splitlines()
    assert len(lines) == 3
    assert ("1 low" in lines[1], "none" in lines[2]) == (True, True)
    data = json.loads(run("history", project, "--format", "json", "--limit", "1").out)
    assert [point["findings"] for point in data["scans"]] == [{}]
    assert run("history", project / "none").code == 2


def test_what_cannot_be_kept_is_said_and_fails_nothing(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (project / FOLDER).symlink_to(outside)
    found = run("scan", project, *OPTIONS)
    assert (found.code, "this scan was not kept: .backend-audit is no folder" in found.err) == (0, True)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("kind", ["text", "foreign", "trigger", "fifo", "link"])
def test_a_database_of_another_hand_is_not_opened(tmp_path: Path, kind: str) -> None:
    keep(tmp_path, _scan("a"))
    place = tmp_path / FOLDER / "history.sqlite"
    if kind == "trigger":
        with sqlite3.connect(place) as database:
            database.execute("create trigger t after insert on scan begin delete from scan; end")
        database.close()
    else:
        place.unlink()
    if kind == "text":
        place.write_text("no database")
    elif kind == "foreign":
        with sqlite3.connect(place) as database:
            database.execute("create table scan (id int)")
        database.close()
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "link":
        place.symlink_to(tmp_path / "elsewhere")
    for act in (lambda: read_scans(tmp_path), lambda: keep(tmp_path, _scan("b"))):
        with pytest.raises(HistoryError):
            act()


def _scan(state: str, *findings: str, scope: str = "", unanswered: tuple[str, ...] = ()) -> Scan:
    known = {name: Known(name.partition("/")[0], "low", "open") for name in findings}
    return Scan(scope, state, "2026-01-02T03:04:05+00:00", None, 50.0, 60.0, None, frozenset(unanswered), known)


def test_only_the_last_ones_of_a_scope_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.sources.history._KEPT", 3)
    keep(tmp_path, _scan("x", scope="other"))
    for number in range(6):
        keep(tmp_path, _scan(str(number), f"rule/{number}"))
        keep(tmp_path, _scan(str(number), f"rule/{number}"))
    scans = read_scans(tmp_path)
    assert [scan.state for scan in scans] == ["x", "3", "4", "5"]
    assert [list(scan.findings) for scan in scans] == [[], ["rule/3"], ["rule/4"], ["rule/5"]]


def test_the_present_scan_is_no_point_of_its_own_trend() -> None:
    scans = [_scan("a"), _scan("b", scope="x"), _scan("c")]
    assert [scan.state for scan in earlier(scans, _scan("c"))] == ["a"]
    assert [scan.state for scan in earlier(scans, _scan("a"))] == ["a", "c"]


def test_a_rule_that_one_change_after_another_breaks_recurs() -> None:
    scans = [_scan("1"), _scan("2", "a/1", "b/1"), _scan("3", "b/1"), _scan("4", "a/2", "b/1")]
    assert [(item.rule, item.times) for item in recurring(scans)] == [("a", 2)]
    unknown = [_scan("1", unanswered=("a",)), _scan("2", "a/1"), _scan("3"), _scan("4", "a/2")]
    assert recurring(unknown) == [], "what was not known then is not new now"


def test_what_was_only_not_looked_at_did_not_come_back(project: Path) -> None:
    report = Report.model_validate(scanned(project))
    mark = report.findings[0].fingerprint
    rule = report.findings[0].rule
    seen, blind = _scan("1", mark), _scan("2", unanswered=(rule,))
    assert with_trend(report, [seen, blind], _scan("now")).findings[0].change is None
    assert with_trend(report, [seen, _scan("2")], _scan("now")).findings[0].change == "returned"
