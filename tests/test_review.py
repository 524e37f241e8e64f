"""A branch against the revision that it comes from: what it adds, moves, mends and sets aside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.running import committed, git, run, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.running import Run

CATCH = "export function %s() {\n  try { work() } catch {}\n}\n"
FILES = {
    "package.json": '{"name": "x", "dependencies": {"hono": "4"}}',
    "src/a.ts": CATCH % "load" + CATCH % "store",
    "src/b.ts": CATCH % "other",
    "supabase/migrations/1_a.sql": "create table public.notes (id int primary key);\n"
    "create table public.tags (id int primary key);\n",
}
NOTE = '// backend-audit: ignore[empty-catch] reason="the caller looks"\n'
CODE = ("--no-shadow", "--offline", "--only", "code", "--allow-unknown", "all")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = committed(tmp_path / "project", FILES)
    git(folder, "checkout", "-q", "-b", "change")
    return folder


def commit(folder: Path, files: dict[str, str]) -> None:
    write(folder, files)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "more")


def since(folder: Path, *options: str) -> tuple[Run, dict[str, Any]]:
    place = folder.parent / "report.json"
    found = run("scan", folder, "--new-since", "main", "-o", f"json={place}", *options)
    return found, json.loads(place.read_text()) if place.is_file() else {}


def changes(report: dict[str, Any]) -> dict[str, str | None]:
    return {f"{f['rule']} {f['subject']}": f["change"] for f in report["findings"]}


def test_a_branch_with_a_hole_a_rename_and_a_suppression(project: Path) -> None:
    git(project, "mv", "src/a.ts", "src/renamed.ts")
    commit(
        project,
        {
            "src/b.ts": "export function other() {\n  work()\n}\n",
            "src/c.ts": CATCH % "fresh" + NOTE + "export function quiet() { try { work() } catch {} }\n",
            "supabase/migrations/2_b.sql": "create table public.door (id int primary key);\n"
            "alter table public.tags enable row level security;\n",
        },
    )
    found, report = since(project, "--offline", "--allow-unknown", "all", "--fail-on-new", "high")
    told = changes(report)
    assert told["rls-disabled table public.notes"] == "unchanged"
    assert told["rls-disabled table public.door"] == "new"
    assert told["empty-catch catch src/renamed.ts:load"] == "moved"
    assert told["empty-catch catch src/c.ts:fresh"] == "new"
    fixed = {(item["rule"], item["subject"]) for item in report["comparison"]["fixed"]}
    assert {("empty-catch", "catch src/b.ts:other"), ("rls-disabled", "table public.tags")} <= fixed
    weakened = report["comparison"]["weakened"]
    assert [(item["location"]["path"], item["location"]["line"]) for item in weakened] == [("src/c.ts", 4)]
    assert "a suppression of empty-catch without an end: the caller looks" in weakened[0]["detail"]
    assert found.code == 1
    assert "new findings of severity high or more" in report["gate"]["reason"]
    assert "this change weakens the audit: a suppression of empty-catch" in " ".join(found.out.split())


def test_a_rename_is_followed_where_the_line_itself_changed(project: Path) -> None:
    git(project, "mv", "src/a.ts", "src/renamed.ts")
    commit(project, {"src/renamed.ts": FILES["src/a.ts"].replace("work()", "work(1)", 1)})
    told = changes(since(project, *CODE)[1])
    assert told["empty-catch catch src/renamed.ts:load"] == "moved"
    assert "new" not in told.values()


def test_only_what_is_new_fails_where_it_is_told_to(project: Path) -> None:
    commit(project, {"src/other.ts": "export const x = 1\n"})
    assert since(project, *CODE, "--fail-on", "low")[0].code == 1
    found, report = since(project, *CODE, "--fail-on-new", "low")
    assert (found.code, report["comparison"]["new"], report["comparison"]["unchanged"]) == (0, 0, 3)
    commit(project, {"src/other.ts": CATCH % "fresh"})
    assert since(project, *CODE, "--fail-on-new", "low")[0].code == 1
    assert since(project, *CODE, "--fail-on-new", "high")[0].code == 0


def test_a_worse_finding_counts_as_new(project: Path) -> None:
    commit(project, {"backend-audit.toml": '[severity]\nempty-catch = "high"\n'})
    found, report = since(project, *CODE, "--fail-on-new", "high")
    # The settings of now are put to both sides: a severity that they raise is no change of the code.
    assert (found.code, report["comparison"]["worse"]) == (0, 0)


def test_a_secret_of_gits_history_is_as_new_as_its_commit(tmp_path: Path) -> None:
    key = "const key = 'sk_" + "live_%s'\n"
    old, new = key % "4eC39HqLyjWDarjtT1zdp7dcXY", key % "9xQ20WpKzkVEbskuU2aeq8edZA"
    folder = committed(tmp_path / "p", {"src/a.ts": old})
    commit(folder, {"src/a.ts": "export const a = 1\n"})
    git(folder, "checkout", "-q", "-b", "change")
    commit(folder, {"src/b.ts": new})
    commit(folder, {"src/b.ts": "export const b = 1\n"})
    options = ("--no-shadow", "--only", "secret-in-git-history", "--fail-on-new", "low", "--allow-unknown", "all")
    found, report = since(folder, *options)
    assert changes(report) == {
        "secret-in-git-history blob src/a.ts": "unchanged", "secret-in-git-history blob src/b.ts": "new",
    }  # fmt: skip
    assert found.code == 1


def test_what_the_other_branch_mended_since_is_not_new_here(project: Path) -> None:
    commit(project, {"src/c.ts": CATCH % "fresh"})
    git(project, "checkout", "-q", "main")
    commit(project, {"src/b.ts": "export const b = 1\n"})
    git(project, "checkout", "-q", "change")
    _, report = since(project, *CODE)
    assert {name for name, change in changes(report).items() if change == "new"} == {"empty-catch catch src/c.ts:fresh"}
    assert report["comparison"]["commit"] == git(project, "merge-base", "main", "change")


def test_a_branch_without_a_common_past_is_compared_all_the_same(project: Path) -> None:
    git(project, "checkout", "-q", "--orphan", "alone")
    commit(project, {"src/c.ts": CATCH % "fresh"})
    _, report = since(project, *CODE)
    assert {name for name, change in changes(report).items() if change == "new"} == {"empty-catch catch src/c.ts:fresh"}


def test_uncommitted_work_is_compared_too(project: Path) -> None:
    write(project, {"src/new.ts": CATCH % "untracked"})
    assert changes(since(project, *CODE)[1])["empty-catch catch src/new.ts:untracked"] == "new"


def test_what_is_not_known_now_is_not_fixed(project: Path) -> None:
    (project / "src" / "b.ts").write_bytes(b"// \xff\n" + FILES["src/b.ts"].encode())
    comparison = since(project, *CODE)[1]["comparison"]
    assert [item["subject"] for item in comparison["unsettled"]] == ["catch src/b.ts:other"]
    assert comparison["fixed"] == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"backend-audit.toml": 'fail-on = "never"\n'}, 'fail-on = "never"'),
        ({"backend-audit.toml": 'exclude = ["src/"]\n'}, "exclude: src/ is left out"),
        ({"backend-audit.toml": 'include = ["src/b.ts"]\n'}, "include: only src/b.ts is scanned"),
        ({"backend-audit.toml": 'min-confidence = "proved"\n'}, 'min-confidence = "proved"'),
        ({"backend-audit.toml": 'allow-unknown = ["all"]\n'}, "allow-unknown: all may be unknown"),
        ({"backend-audit.toml": 'public-endpoints = ["POST /x"]\n'}, "public-endpoints: POST /x is declared public"),
        ({"backend-audit.toml": 'auth-helpers = ["ok"]\n'}, "auth-helpers: ok counts as authentication"),
        ({"backend-audit.toml": '[severity]\nempty-catch = "info"\n'}, "severity of empty-catch is info"),
        ({"backend-audit.toml": '[weight]\nerrors-handled = "low"\n'}, "weight of errors-handled is low"),
        (
            {"backend-audit.toml": '[[scope]]\npaths = ["src/"]\nrules = ["empty-catch"]\nseverity = "info"\n'},
            "empty-catch is info in src/",
        ),
        (
            {"backend-audit.toml": '[[ignore]]\nrule = "empty-catch"\nreason = "later"\nuntil = 2999-01-01\n'},
            "a suppression of empty-catch until 2999-01-01: later",
        ),
        ({"src/b.ts": NOTE + FILES["src/b.ts"]}, "a suppression of empty-catch without an end"),
    ],
)
def test_a_change_that_weakens_the_audit_says_so(project: Path, files: dict[str, str], said: str) -> None:
    commit(project, files)
    found, report = since(project, *CODE)
    assert any(said in item["detail"] for item in report["comparison"]["weakened"]), report["comparison"]["weakened"]
    assert "this change weakens the audit" in " ".join(found.out.split())


def test_what_the_older_revision_had_weakens_nothing(tmp_path: Path) -> None:
    settings = (
        'fail-on = "never"\nexclude = ["docs/"]\nmin-grade = "D"\n[[ignore]]\nrule = "rls-disabled"\nreason = "old"\n'
    )
    folder = committed(tmp_path / "p", {**FILES, "backend-audit.toml": settings, "src/d.ts": NOTE + CATCH % "d"})
    git(folder, "checkout", "-q", "-b", "change")
    git(folder, "mv", "src/d.ts", "src/e.ts")
    commit(folder, {"src/e.ts": "\n\n" + NOTE + CATCH % "d"})
    assert since(folder, *CODE)[1]["comparison"]["weakened"] == []
    commit(folder, {"backend-audit.toml": 'exclude = ["docs/"]\n'})
    details = [item["detail"] for item in since(folder, *CODE)[1]["comparison"]["weakened"]]
    assert details == ["min-grade was D"], "a gate that got stricter is no weakening"


def test_entries_that_a_baseline_takes_in_are_said(project: Path) -> None:
    assert run("baseline", "create", project, "--no-shadow", "--only", "empty-catch").code == 0
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "a baseline")
    found, report = since(project, *CODE, "--fail-on", "low", "--fail-on-new", "low")
    details = [item["detail"] for item in report["comparison"]["weakened"]]
    assert "the baseline takes in empty-catch on catch src/a.ts:load" in details
    assert (found.code, len(details)) == (0, 3)


@pytest.mark.parametrize("ref", ["nowhere", "-x", "main~99", "a b", "../x"])
def test_a_revision_that_is_not_there_is_a_usage_error(project: Path, ref: str) -> None:
    found = run("scan", project, "--no-shadow", f"--new-since={ref}")
    assert (found.code, f"--new-since {ref}" in found.err) == (2, True)


def test_without_git_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    found = run("scan", write(tmp_path, FILES), "--no-shadow", "--new-since", "main")
    assert (found.code, "not in a git repository" in found.err) == (2, True)


def test_new_findings_need_something_that_they_are_newer_than(project: Path) -> None:
    found = run("scan", project, "--no-shadow", "--fail-on-new", "high")
    assert (found.code, "--new-since REF" in found.err) == (2, True)


def test_nothing_of_the_work_tree_is_touched(project: Path) -> None:
    before = git(project, "status", "--porcelain", "--ignored")
    index = (project / ".git" / "index").read_bytes()
    since(project, *CODE)
    assert git(project, "status", "--porcelain", "--ignored") == before
    assert (project / ".git" / "index").read_bytes() == index


def test_a_hostile_repository_runs_nothing_while_renames_are_sought(project: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    script = tmp_path / "run.sh"
    script.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "filter.x.clean", "diff.x.command", "diff.x.textconv", "diff.external"):
        git(project, "config", key, str(script))
    write(project, {".gitattributes": "* filter=x diff=x\n", "src/a.ts": "export const a = 1\n"})
    marker.unlink(missing_ok=True)
    assert since(project, *CODE)[0].code == 0
    assert run("scan", project, "--changed").code == 0
    assert not marker.exists()
