"""`scan --changed`: what the next commit adds, read from the index, by the rules that judge a file by itself."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from auditor.audit import Request, audit
from auditor.detectors.ask import ask_database
from auditor.facts.histories import find_histories
from auditor.model import Kind, State, Target
from auditor.parsed import PARSED_RULES, parsed_databases
from auditor.rulebook import load_rulebook, read_examples
from auditor.sources.repository import read_repository
from auditor.staged import SINGLE_FILE
from tests.running import committed, git, run, write
from tests.test_rule_pages import _expand

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.rulebook import Example, Page

CATCH = "export function %s() {\n  try { work() } catch {}\n}\n"
BOOK = load_rulebook()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return committed(tmp_path / "project", {"src/a.ts": CATCH % "load", "src/b.ts": CATCH % "other"})


def changed(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    place = folder.parent / "r.json"
    place.unlink(missing_ok=True)
    code = run("scan", folder, "--changed", "-o", f"json={place}", *options).code
    return code, json.loads(place.read_text()) if place.is_file() else {}


def subjects(report: dict[str, Any]) -> list[str]:
    return [finding["subject"] for finding in report["findings"]]


def test_only_what_is_staged_counts_and_only_what_is_new(project: Path) -> None:
    write(project, {"src/a.ts": CATCH % "load" + CATCH % "fresh"})
    assert changed(project, "--fail-on", "low") == (0, {}), "nothing is staged"
    git(project, "add", "src/a.ts")
    write(project, {"src/a.ts": CATCH % "unstaged", "src/c.ts": CATCH % "untracked"})
    code, report = changed(project, "--fail-on", "low")
    assert (code, subjects(report)) == (1, ["catch src/a.ts:fresh"])
    assert report["comparison"]["unchanged"] == 1
    assert changed(project)[0] == 0, "the default is high"


def test_the_rest_is_not_asked_and_the_scan_not_graded(project: Path) -> None:
    write(project, {"src/a.ts": CATCH % "fresh", "supabase/migrations/1.sql": "create table a (id int);\n"})
    git(project, "add", "-A")
    _, report = changed(project)
    asked = {rule["id"] for rule in report["rules"] if rule["outcome"] != "not_asked"}
    assert {"empty-catch", "hardcoded-provider-token"} <= asked
    assert not asked & {"rls-disabled", "vulnerable-dependency", "endpoint-without-auth", "secret-in-git-history"}
    assert report["score"]["grade"] is None
    assert any("only what is staged" in note for note in report["gate"]["notes"])


def test_a_staged_rename_is_nothing_new(project: Path) -> None:
    git(project, "mv", "src/a.ts", "src/moved.ts")
    code, report = changed(project, "--fail-on", "low")
    assert (code, subjects(report), report["comparison"]["moved"]) == (0, [], 1)


def test_the_first_commit_and_a_secret(tmp_path: Path) -> None:
    write(tmp_path / "p", {"src/a.ts": "const key = 'sk_" + "live_4eC39HqLyjWDarjtT1zdp7dcXY'\n"})
    git(tmp_path / "p", "init", "-q", ".")
    git(tmp_path / "p", "add", "-A")
    code, report = changed(tmp_path / "p")
    assert (code, [finding["rule"] for finding in report["findings"]]) == (1, ["hardcoded-provider-token"])


def test_the_settings_are_those_of_the_index(project: Path) -> None:
    write(project, {"backend-audit.toml": '[[ignore]]\nrule = "empty-catch"\nreason = "old code"\n'})
    git(project, "add", "-A")
    write(project, {"backend-audit.toml": "", "src/a.ts": CATCH % "fresh"})
    git(project, "add", "src/a.ts")
    code, report = changed(project, "--fail-on", "low")
    assert (code, [finding["status"] for finding in report["findings"]]) == (0, ["accepted"])


def test_a_suppression_of_another_file_is_not_called_unused(project: Path) -> None:
    write(project, {"backend-audit.toml": '[[ignore]]\nrule = "empty-catch"\nreason = "old code"\npath = "src/a.ts"\n'})
    git(project, "add", "-A")
    assert subjects(changed(project)[1]) == [], "nor where it is staged itself"
    git(project, "commit", "-q", "-m", "settings")
    write(project, {"src/c.ts": "export const c = 1\n"})
    git(project, "add", "-A")
    assert subjects(changed(project)[1]) == []


MIGRATIONS = {
    "supabase/migrations/1_a.sql": "create table notes (id int primary key, body text);\n",
    "supabase/migrations/2_b.sql": 'alter table notes drop column body;\ncreate table "Odd" ("A" int, b int);\n',
}


def test_a_staged_migration_is_read_with_those_before_it(tmp_path: Path) -> None:
    folder = committed(tmp_path / "p", {**MIGRATIONS, "src/a.ts": CATCH % "load"})
    sql = (
        "alter table notes add column owner uuid not null;\ncreate index on notes (id);\ndrop table notes;\n"
        "create table fresh (id int);\nalter table fresh add column x int not null;\ndrop table if exists nothing;\n"
    )
    write(folder, {"supabase/migrations/3_c.sql": sql})
    git(folder, "add", "-A")
    code, report = changed(folder)
    found = {(finding["rule"], finding["location"]["line"]) for finding in report["findings"]}
    assert code == 1
    assert {(rule, line) for rule, line in found if rule != "migration-no-lock-timeout"} == {
        ("migration-adds-required-column", 1), ("migration-blocking-index", 2), ("migration-destructive", 3),
    }  # fmt: skip
    assert {finding["location"]["path"] for finding in report["findings"]} == {"supabase/migrations/3_c.sql"}


def test_what_is_said_of_a_staged_migration_is_what_the_replay_says(tmp_path: Path) -> None:
    folder = committed(tmp_path / "p", MIGRATIONS)
    write(
        folder,
        {
            "supabase/migrations/3_c.sql": "alter table notes add column a int not null;\ntruncate notes;\n"
            'alter table "Odd" drop column "A";\n'
        },
    )
    git(folder, "add", "-A")
    staged = {(f["rule"], f["fingerprint"]) for f in changed(folder)[1]["findings"]}
    asked = [part for rule in sorted(PARSED_RULES) for part in ("--only", rule)]
    run("scan", folder, *asked, "-o", f"json={tmp_path / 'whole.json'}")
    whole = json.loads((tmp_path / "whole.json").read_text())["findings"]
    third = {(f["rule"], f["fingerprint"]) for f in whole if f["location"]["path"].endswith("3_c.sql")}
    assert staged == third
    assert {rule for rule, _ in staged} >= {"migration-adds-required-column", "migration-destructive"}


_PARSED = [
    pytest.param(page, example, id=f"{page.id}: {example.title}")
    for page in BOOK.pages
    if page.id in PARSED_RULES
    for example in read_examples(page)
]


@pytest.mark.parametrize(("page", "example"), _PARSED)
def test_no_migration_is_reported_that_the_replay_calls_sound(page: Page, example: Example, tmp_path: Path) -> None:
    files = {path: _expand(text) for path, text in example.files.items()}
    if page.id == "enum-value-removed" or example.verdict != "good":
        return
    folder = write(tmp_path, {p if "/" in p else f"supabase/migrations/{p}": text for p, text in files.items()})
    repository = read_repository(folder)
    found = find_histories(repository.files, repository.units, repository.text)
    for database in parsed_databases(found, frozenset()).databases if found.histories else ():
        assert not [answer for answer in ask_database(page, database) if answer.state is State.FAIL]


def test_deleted_files_and_foreign_ones_are_no_matter(project: Path) -> None:
    git(project, "rm", "-q", "src/a.ts")
    write(project, {"README.md": "text"})
    git(project, "add", "-A")
    assert run("scan", project, "--changed").code == 0


def test_a_folder_of_a_larger_repository_sees_only_itself(project: Path) -> None:
    write(project, {"src/a.ts": CATCH % "fresh", "other/x.ts": CATCH % "other"})
    git(project, "add", "-A")
    assert subjects(changed(project / "src", "--fail-on", "low")[1]) == ["catch a.ts:fresh"]


def test_it_does_not_go_with_rules_that_read_more(project: Path) -> None:
    write(project, {"src/a.ts": CATCH % "fresh"})
    git(project, "add", "-A")
    assert run("scan", project, "--changed", "--only", "rls-disabled").code == 2
    assert changed(project, "--only", "empty-catch", "--fail-on", "low")[0] == 1


def test_it_is_fast_enough_for_a_hook(project: Path) -> None:
    write(project, {f"src/f{n}.ts": "export const x = 1\n" * 50 for n in range(400)})
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "many")
    write(project, {"src/f1.ts": CATCH % "fresh"})
    git(project, "add", "-A")
    started = time.monotonic()
    assert run("scan", project, "--changed").code == 0
    assert time.monotonic() - started < 5, "about one second on a quiet machine"


_SEVERAL = [
    pytest.param(page, example, id=f"{page.id}: {example.title}")
    for page in BOOK.pages
    if page.id in SINGLE_FILE or (page.kind is Kind.SECRET and page.id != "secret-in-git-history")
    for example in read_examples(page)
    if len(example.files) > 1 and not example.git
]


def test_the_rules_of_single_files_exist() -> None:
    assert {page.id for page in BOOK.pages} >= SINGLE_FILE
    assert not [page.id for page in BOOK.pages if page.id in SINGLE_FILE and page.yaml], "the engine takes too long"


@pytest.mark.parametrize(("page", "example"), _SEVERAL)
def test_a_file_by_itself_is_never_reported_where_the_whole_is_not(
    page: Page, example: Example, tmp_path: Path
) -> None:
    texts = {path: _expand(text) for path, text in example.files.items()}
    whole = _failed(write(tmp_path / "whole", texts), page)
    for number, (path, text) in enumerate(texts.items()):
        assert _failed(write(tmp_path / str(number), {path: text}), page) <= whole


def _failed(folder: Path, page: Page) -> set[str]:
    report, _ = audit(Request(Target(folder, shadow=False, offline=True), only=(page.id,)), BOOK)
    return {finding.subject for finding in report.findings if finding.rule == page.id}
