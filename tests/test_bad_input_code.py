"""Lockfiles, configuration and code that are broken, hostile or huge: named, never a pass, and nothing else is lost."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from auditor.detectors.code import empty_catch
from auditor.facts.compose import ComposeError, read_services
from auditor.facts.lockfiles import LockfileError, read_lockfile
from auditor.sources.repository import read_repository
from tests.running import Run, run, write

if TYPE_CHECKING:
    from collections.abc import Iterator

ADVISORIES = Path(__file__).parent.parent / "fixtures" / "advisories"
DEEP = '{"a":' * 100_000
LOCK = json.dumps({"lockfileVersion": 3, "packages": {"node_modules/lodash": {"version": "4.17.15"}}})
# The evidence that every broken input stands beside, and that has to be reported all the same.
BESIDE = {
    "app/package.json": '{"dependencies": {"hono": "4"}}',
    "app/package-lock.json": LOCK,
    "app/src/a.ts": "async function f() {\n  try {\n    await prisma.project.delete({ where: {} });\n  } catch {}\n}\n",
    "app/supabase/migrations/1_a.sql": "create table public.notes (id int primary key);\n",
}
FOUND = {("vulnerable-dependency", "app/package-lock.json"), ("empty-catch", "app/src/a.ts")}


def _scan(tmp_path: Path, files: dict[str, str], *options: str) -> tuple[Run, dict[str, Any]]:
    root = write(tmp_path / "root", {**BESIDE, **files})
    place = tmp_path / "r.json"
    found = run(
        "scan", root, "--no-shadow", "--offline", "--advisories", ADVISORIES, "-o", f"json={place}", "-v", *options
    )
    report: dict[str, Any] = json.loads(place.read_text("utf-8"))
    return found, report


def _beside(report: dict[str, Any]) -> set[tuple[str, str]]:
    return {(f["rule"], f["location"]["path"]) for f in report["findings"]} & FOUND


def _unknown(report: dict[str, Any], rule: str) -> list[str]:
    rows = (row for row in report["not_checked"] if row["rule"] == rule)
    return [f"{row['subject']}: {row['reason']}" for row in rows]


def _outcome(report: dict[str, Any], rule: str) -> str:
    (found,) = [item["outcome"] for item in report["rules"] if item["id"] == rule]
    return str(found)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("package-lock.json", '{"lockfileVersion": 3,', "does not parse"),
        ("package-lock.json", '{"lockfileVersion": 9, "packages": {}}', "lockfileVersion 9 is not known"),
        ("package-lock.json", '{"lockfileVersion": 3, "packages": ' + DEEP, "does not parse"),
        ("package-lock.json", '{"lockfileVersion": 3}', "does not parse"),
        ("package-lock.json", "[]", "does not parse"),
        ("yarn.lock", "<<<<<<< HEAD\nlodash@^4:\n  version 4.17.15\n=======\n>>>>>>> x\n", "conflict"),
        ("bun.lock", '{"packages": ' + "[" * 100_000, "does not parse"),
        ("pnpm-lock.yaml", "packages:\n  lodash@4.17.15: {}\n", "names no lockfileVersion"),
        ("uv.lock", "[[package]]\nname = 3\nversion = '1'\n", "does not parse"),
        ("yarn.lock", "what is this\n", "no entry"),
        ("poetry.lock", "a = " + "[" * 50_000, "does not parse"),
    ],
)  # fmt: skip
def test_a_broken_lockfile(tmp_path: Path, name: str, text: str, said: str) -> None:
    found, report = _scan(tmp_path, {f"bad/{name}": text})
    assert found.code == 1
    assert _beside(report) == FOUND
    (row,) = _unknown(report, "vulnerable-dependency")
    assert f"bad/{name}" in row
    assert said in row


def test_a_broken_lockfile_alone_is_incomplete(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"package.json": '{"dependencies": {"a": "1"}}', "package-lock.json": "{"})
    place = tmp_path / "r.json"
    chosen = ("--only", "vulnerable-dependency", "--advisories", str(ADVISORIES))
    found = run("scan", root, *chosen, "-o", f"json={place}")
    assert found.code == 4
    assert "clean-dependencies" in found.err + found.out
    assert _outcome(json.loads(place.read_text()), "vulnerable-dependency") == "unknown"


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(20)
)


def test_an_alias_bomb_costs_nothing(tmp_path: Path) -> None:
    compose = f"{BOMB}services:\n  db:\n    image: postgres:16\n    ports: *u\n"
    locked = f"lockfileVersion: '9.0'\n{BOMB}packages:\n  lodash@4.17.15: {{}}\n"
    started = time.monotonic()
    found, report = _scan(tmp_path, {"bad/docker-compose.yml": compose, "bad/pnpm-lock.yaml": locked})
    assert time.monotonic() - started < 20
    assert found.code == 1
    assert _beside(report) == FOUND
    assert ("vulnerable-dependency", "bad/pnpm-lock.yaml") in {
        (f["rule"], f["location"]["path"]) for f in report["findings"]
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services: " + "[" * 100_000, "nested deeper"),
        ("services:\n  db: {image: [}\n", "not valid YAML at line 2"),
        ("services:\n  db: *nowhere\n", "not valid YAML at line 2"),
        ("x" * 1_000_001, "larger than"),
    ],
)
def test_a_compose_file_that_cannot_be_read(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ComposeError):
        read_services(text)
    _, report = _scan(tmp_path, {"bad/compose.yaml": text})
    assert _beside(report) == FOUND
    (row,) = _unknown(report, "compose-database-published")
    assert "bad/compose.yaml" in row
    assert said in row
    assert _outcome(report, "compose-database-published") == "unknown"


def test_a_lockfile_in_which_an_alias_means_itself() -> None:
    with pytest.raises(LockfileError):
        read_lockfile("pnpm-lock.yaml", "&a [*a]")


def test_manifests_and_records_nested_too_deep(tmp_path: Path) -> None:
    records = write(tmp_path / "records", {"deep.json": DEEP, "list.json": "[" * 100_000})
    found, report = _scan(tmp_path, {"bad/package.json": DEEP}, "--advisories", str(records))
    assert found.code == 1
    assert _beside(report) == FOUND
    (row,) = _unknown(report, "lockfile-missing")
    assert "bad/package.json" in row
    (note,) = [note for note in report["evidence"] if note["source"] == "packages"]
    assert note["facts"]["records refused"] == 2


def test_a_minified_bundle_is_left_out_and_counted(tmp_path: Path) -> None:
    bundle = "try{a.update()}catch{};" * 40_000
    started = time.monotonic()
    _, report = _scan(tmp_path, {"bad/src/bundle.js": bundle})
    assert time.monotonic() - started < 20
    assert {f["location"]["path"] for f in report["findings"] if f["rule"] == "empty-catch"} == {"app/src/a.ts"}
    (note,) = [note for note in report["evidence"] if note["source"] == "code"]
    assert (note["facts"]["bundles and copied libraries left out"], note["facts"]["the first of them"]) == (
        1,
        ["bad/src/bundle.js"],
    )


JQUERY = "/*!\n * jQuery JavaScript Library v2.1.0\n * Released under the MIT license\n */\n"
MOMENT = "//! moment.js\n//! version : 2.8.3\n//! license : MIT\n"
SWALLOWS = "try { update() } catch (e) {}\n"


@pytest.mark.parametrize("banner", [JQUERY, MOMENT])
def test_a_library_that_is_sent_to_browsers_is_no_source_of_the_project(tmp_path: Path, banner: str) -> None:
    own = "/* Licensed under the MIT license */\n" + SWALLOWS
    files = {"bad/static/js/a.js": banner + SWALLOWS, "bad/src/b.js": banner + SWALLOWS, "bad/static/js/c.js": own}
    _, report = _scan(tmp_path, files)
    found = {f["location"]["path"] for f in report["findings"] if f["rule"] == "empty-catch"}
    assert found == {"app/src/a.ts", "bad/src/b.js", "bad/static/js/c.js"}
    (note,) = [note for note in report["evidence"] if note["source"] == "code"]
    assert note["facts"]["the first of them"] == ["bad/static/js/a.js"]


def test_comments_at_the_top_of_a_file_take_no_endless_time(tmp_path: Path) -> None:
    text = "/* one */ // two\n" * 400 + SWALLOWS
    started = time.monotonic()
    _, report = _scan(tmp_path, {"bad/src/b.ts": text})
    assert time.monotonic() - started < 60
    assert "bad/src/b.ts" in {f["location"]["path"] for f in report["findings"]}


def test_one_long_line_does_not_hide_a_source(tmp_path: Path) -> None:
    logo = f'const logo = "{"A" * 6000}";\n'
    text = logo + BESIDE["app/src/a.ts"] + "// a line of the file\n" * 400
    _, report = _scan(tmp_path, {"bad/src/b.ts": text})
    assert ("empty-catch", "bad/src/b.ts", 5) in {
        (f["rule"], f["location"]["path"], f["location"]["line"]) for f in report["findings"]
    }


GARBAGE = ")]}>>> @@ %% ((( class class ;;; \x00 {{{ => => ` '\n" * 200
BROKEN = {"ts": GARBAGE, "js": GARBAGE, "py": "def f(:\n  (((\n" * 200}
CODE_RULES = ("empty-catch", "error-handler-unregistered", "security-headers-missing", "audit-trail-absent")


@pytest.mark.parametrize("suffix", BROKEN)
def test_code_that_does_not_parse(tmp_path: Path, suffix: str) -> None:
    found, report = _scan(tmp_path, {f"bad/src/x.{suffix}": BROKEN[suffix]})
    assert found.code == 1
    assert _beside(report) == FOUND
    for rule in CODE_RULES:
        assert f"file bad/src/x.{suffix}: does not parse" in _unknown(report, rule)
    (note,) = [note for note in report["evidence"] if note["source"] == "code"]
    assert (note["status"], f"bad/src/x.{suffix}" in note["reason"]) == ("partial", True)


def test_an_error_in_a_file_is_no_reason_not_to_read_the_rest(tmp_path: Path) -> None:
    text = BESIDE["app/src/a.ts"] * 5 + "const x = ;\n"
    _, report = _scan(tmp_path, {"bad/src/x.ts": text})
    assert len([f for f in report["findings"] if f["location"]["path"] == "bad/src/x.ts"]) == 5
    assert not _unknown(report, "empty-catch")


def test_a_file_of_20_megabytes(tmp_path: Path) -> None:
    root = tmp_path / "root" / "bad"
    root.mkdir(parents=True)
    for name in ("big.ts", "package-lock.json"):
        with (root / name).open("wb") as file:
            file.truncate(20_000_000)
    started = time.monotonic()
    found, report = _scan(tmp_path, {})
    assert time.monotonic() - started < 20
    assert found.code == 1
    assert _beside(report) == FOUND
    assert _unknown(report, "empty-catch") == ["file bad/big.ts: larger than 10 MB"]
    assert _unknown(report, "vulnerable-dependency") == ["lockfile bad/package-lock.json: larger than 10 MB"]


def test_a_rule_that_crashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> Iterator[None]:
        yield from ()
        raise ZeroDivisionError("by nothing\nat all")

    monkeypatch.setattr(empty_catch, "ask", crash)
    found, report = _scan(tmp_path, {})
    assert found.code == 1
    assert _beside(report) == {("vulnerable-dependency", "app/package-lock.json")}
    (rule,) = [rule for rule in report["rules"] if rule["id"] == "empty-catch"]
    assert rule["outcome"] == "unknown"
    assert rule["reason"] == "the rule could not be asked: ZeroDivisionError: by nothing"
    (control,) = [control for control in report["controls"] if control["id"] == "errors-handled"]
    assert control["verdict"] in {"unknown", "fail"}
    assert run("scan", tmp_path / "root", "--no-shadow", "--offline", "--only", "empty-catch").code in {0, 4}


def test_a_file_that_a_windows_shell_wrote_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_bytes("try { save() } catch {}\n".encode("utf-16"))
    assert read_repository(tmp_path).text("a.ts") == "try { save() } catch {}\n"


def test_endless_words_and_blanks_cost_no_time(tmp_path: Path) -> None:
    """Thirty-six thousand letters in one word: patterns that look for the end of a word would never come to theirs."""
    word, blanks = "verify" * 6_000, "\n" * 20_000
    lines = [f"export const a{n} = {n};" for n in range(4000)]
    write(
        tmp_path,
        {"package.json": '{"dependencies": {"hono": "4", "next": "15"}}', "middle.ts": f"const x = 1;{blanks}"},
    )
    (tmp_path / "a.ts").write_text("\n".join([*lines, f'const image = "{word}";', "try { save() } catch {}"]))
    found = run("scan", tmp_path, "--offline", "--no-shadow", "-o", f"json={tmp_path / 'r.json'}")
    assert found.code in {0, 1, 4}
    report = json.loads((tmp_path / "r.json").read_text())
    assert any(f["rule"] == "empty-catch" and f["location"]["line"] == 4002 for f in report["findings"])
    assert any("1,000 blanks" in row["reason"] for row in report["not_checked"])
