from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from auditor.facts.access_contract import FILE_NAME, parse_contract
from tests.running import committed, git, run, write

LEAKY = Path(__file__).parent.parent / "fixtures" / "leaky"
FIRST = "supabase/migrations/1_notes.sql"
NOTES = """\
create table public.notes (
  id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users, body text not null);
alter table public.notes enable row level security;
create policy own on public.notes for select to authenticated using ((select auth.uid()) = user_id);
create table public.plans (id uuid primary key, name text not null);
alter table public.plans enable row level security;
create policy everybody on public.plans for select using (true);
"""
OPEN = "create policy everybody on public.notes for select to authenticated using (true);\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return committed(tmp_path / "project", {FIRST: NOTES})


def cells(*arguments: str | Path) -> dict[tuple[str, str, str], str]:
    answer = run("access", *arguments, "--format", "json")
    assert answer.code == 0, answer.err
    return {(c["object"], c["caller"], c["command"]): c["state"] for c in json.loads(answer.out)}


def test_the_table_reads_on_a_hundred_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    answer = run("access", LEAKY)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in answer.out
    row = next(line for line in lines if line.startswith("public.api_keys"))
    assert re.match(r"public\.api_keys +SIUD", row)
    assert any(re.search(r"capital: rows of everybody", line) for line in lines)
    table = answer.out.partition("\n\n")[0].splitlines()
    rows = [line.split() for line in table if line.startswith("public.")]
    assert {len(row) for row in rows} == {len(rows[0])}
    assert all(set(sign) <= set("SIUDTsiudt-!?.") for row in rows for sign in row[1:])


def test_a_long_name_stands_on_a_line_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    write(tmp_path, {FIRST: f"create table public.{'n' * 60} (id int primary key);"})
    lines = run("access", tmp_path).out.splitlines()
    place = lines.index(f"public.{'n' * 60}")
    assert lines[place + 1].startswith("  ")
    assert max(map(len, lines)) <= 80


def test_filters(project: Path) -> None:
    assert {key[0] for key in cells(project, "--table", "public.n*")} == {"public.notes"}
    assert {key[0] for key in cells(project, "--table", "plans")} == {"public.plans"}
    assert cells(project, "--table", "private.*") == {}
    nothing = run("access", project, "--table", "private.*")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "backend-audit: no object matches\n")
    found = cells(project, "--caller", "anon", "--caller", "owner", "--command", "select")
    assert {key[1:] for key in found} == {("anon", "SELECT"), ("owner", "SELECT")}
    assert found["public.notes", "anon", "SELECT"] == "denied"
    assert found["public.notes", "owner", "SELECT"] == "own-rows"
    assert found["public.plans", "anon", "SELECT"] == "allowed"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--caller", "annon"), "--caller: none is named 'annon'; there are "),
        (("--command", "merge"), "--command: none is named 'merge'"),
        (("--fail-on-widening",), "name a REF"),
        (("--write", "x.toml", "--caller", "anon"), "--write records the whole matrix"),
        (("--diff", "HEAD", "--format", "html"), "--diff has the formats"),
        (("--diff", "no-such-branch"), "no commit is named 'no-such-branch'"),
        (("--write", "no/such/folder/x.toml"), "there is no folder"),
    ],
)
def test_wrong_options_are_usage_errors(arguments: tuple[str, ...], reason: str) -> None:
    answer = run("access", LEAKY, *arguments)
    assert answer.code == 2
    assert reason in answer.err


def test_nothing_to_replay_has_an_exit_code(tmp_path: Path) -> None:
    assert run("access", tmp_path / "none").code == 2
    assert run("access", tmp_path).code == 5
    write(tmp_path, {"package.json": "{}"})
    assert run("access", tmp_path).code == 5, "no unit uses PostgreSQL"
    write(tmp_path, {FIRST: NOTES})
    answer = run("access", tmp_path, "--pg-bin", tmp_path)
    assert answer.code == 4
    assert "no PostgreSQL server binaries" in answer.err


@pytest.mark.parametrize("form", ["text", "md", "json", "html"])
def test_a_hostile_table_name_acts_on_nothing(tmp_path: Path, form: str) -> None:
    name = '"\x1b[31m|`<script>alert(1)</script>\u202e\n*"'
    sql = f"create table public.{name} (id int primary key);\n"
    write(tmp_path, {FIRST: sql})
    out = run("access", tmp_path, "--format", form).out
    assert "alert(1)" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "<script>" not in out or form in {"text", "json", "md"}
    if form == "md":
        row = next(line for line in out.splitlines() if "alert(1)" in line)
        assert len(re.split(r"(?<!\\)\|", row)) == len(re.split(r"(?<!\\)\|", out.splitlines()[2]))


def test_the_page_loads_and_runs_nothing(project: Path) -> None:
    page = run("access", project, "--format", "html").out
    assert "default-src 'none'" in page
    assert "script-src" not in page
    assert "<script" not in page
    anchors = re.findall(r'href="#([^"]+)"', page)
    ids = re.findall(r' id="([^"]+)"', page)
    assert anchors
    assert set(anchors) <= set(ids)
    assert len(ids) == len(set(ids))
    assert "anon: SELECT on public.plans: rows of everybody" in page


def test_the_contract_is_written_and_then_kept(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    answer = run("access", "--write", FILE_NAME)
    assert answer.code == 0
    assert answer.out == ""
    text = (project / FILE_NAME).read_text("utf-8")
    part = parse_contract(text).part("supabase/migrations")
    assert part.state(("public.notes", "owner", "SELECT")) == "own-rows"
    assert part.state(("public.notes", "anon", "SELECT")) == "denied"
    assert part.state(("public.plans", "anon", "SELECT")) == "allowed"
    run("access", "--write", FILE_NAME)
    assert (project / FILE_NAME).read_text("utf-8") == text, "the same tree gives the same bytes"
    assert findings(project) == []
    write(project, {"supabase/migrations/2_open.sql": OPEN})
    (found,) = findings(project)
    assert found["rule"] == "access-wider-than-contract"
    assert (found["severity"], found["confidence"]) == ("high", "proved")
    assert found["location"] == {"path": "supabase/migrations/2_open.sql", "line": 1, "end_line": 1}
    assert re.search(r"\bstranger\b.* can now SELECT; since supabase/migrations/2_open\.sql:1$", found["detail"])
    assert "set local role authenticated" in found["proof"]["script"]


def test_the_settings_say_where_the_contract_is(project: Path) -> None:
    agreed = 'version = 1\ncommands = ["select"]\n[tables."public.notes"]\nowner = "none"\n'
    write(project, {"backend-audit.toml": 'access-contract = "docs/access.toml"\n', "docs/access.toml": agreed})
    found = {f["subject"]: f for f in findings(project) if f["rule"] == "access-wider-than-contract"}
    assert "owner can now SELECT own rows" in found["table public.notes"]["detail"]
    assert "anon" in found["table public.plans"]["detail"], "a table that is not in the contract"


def findings(project: Path) -> list[dict[str, Any]]:
    rules = ("--only", "access-wider-than-contract", "--only", "access-contract-outdated")
    report = json.loads(run("scan", project, *rules, "-o", "json=-").out)
    return list(report["findings"])


def test_without_a_contract_the_rules_do_not_apply(project: Path) -> None:
    report = json.loads(run("scan", project, "--only", "access-wider-than-contract", "-o", "json=-").out)
    (rule,) = [rule for rule in report["rules"] if rule["id"] == "access-wider-than-contract"]
    assert rule["outcome"] == "not_applicable"
    assert "no access contract" in rule["reason"]


def test_the_contract_is_not_written_through_a_link_of_the_repository(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (project / FILE_NAME).symlink_to(victim)
    monkeypatch.chdir(project)
    assert run("access", "--write", FILE_NAME).code == 2
    assert victim.read_text() == "mine"


def test_the_difference_to_a_branch(project: Path) -> None:
    git(project, "branch", "before")
    write(project, {"supabase/migrations/2_open.sql": OPEN + "drop policy everybody on public.plans;\n"})
    git(project, "add", "-A")
    git(project, "commit", "-qm", "second")
    answer = run("access", project, "--diff", "before", "--format", "json", "--fail-on-widening")
    assert answer.code == 1
    document = json.loads(answer.out)
    assert document["commit"] == git(project, "rev-parse", "before")
    told = {(c["kind"], c["object"], c["caller"], c["before"], c["after"]): c for c in document["changes"]}
    opened = told["widened", "public.notes", "stranger", "denied", "allowed"]
    assert opened["since"] == {"path": "supabase/migrations/2_open.sql", "line": 1}
    assert told["narrowed", "public.plans", "anon", "allowed", "denied"]["opens"] is False
    assert {c["object"] for c in document["changes"]} == {"public.notes", "public.plans"}
    assert run("access", project, "--diff", "before").code == 0, "without --fail-on-widening it only tells"
    text = run("access", project, "--diff", "HEAD~1", "--format", "md").out
    assert "stranger" in text
    assert "SELECT denied -> allowed" in text


def test_a_branch_without_a_change_and_one_without_a_database(project: Path) -> None:
    write(project, {"supabase/migrations/2_notes.sql": "-- nothing\n"})
    answer = run("access", project, "--diff", "main", "--fail-on-widening")
    assert (answer.code, answer.out.splitlines()[1:]) == (0, ["nothing changed"])
    git(project, "checkout", "-q", "--orphan", "empty")
    git(project, "rm", "-rqf", "--cached", ".")
    write(project, {"README.md": "x"})
    git(project, "add", "README.md")
    git(project, "commit", "-qm", "empty")
    document = json.loads(run("access", project, "--diff", "empty", "--format", "json").out)
    assert {c["kind"] for c in document["changes"]} == {"new"}


def test_the_difference_of_a_folder_inside_a_repository(tmp_path: Path) -> None:
    top = committed(tmp_path, {f"services/api/{FIRST}": NOTES, "other/1_x.sql": "create table x (id int);"})
    write(top, {"services/api/supabase/migrations/2_open.sql": OPEN})
    document = json.loads(run("access", top / "services" / "api", "--diff", "main", "--format", "json").out)
    assert {c["object"] for c in document["changes"]} == {"public.notes"}
