"""Targets and inputs that are wrong, broken or odd: said plainly, never a pass, and never raw on the screen."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from auditor.cli.outputs import write_output
from auditor.facts.statements import split_statements
from auditor.lanes import sources
from auditor.model import NotApplicable, Target, Unavailable
from auditor.plan import Evidence
from auditor.sources.globs import fault_of
from auditor.sources.repository import read_repository
from tests.running import Run, run, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

M = "supabase/migrations"
TABLE = "create table public.{} (id int primary key);\n"
ALLOW = ("--allow-unknown", "all")


def _report(path: Path, *options: str, place: Path) -> tuple[Run, dict[str, Any]]:
    found = run("scan", path, *options, "-o", f"json={place}")
    report: dict[str, Any] = json.loads(place.read_text("utf-8"))
    return found, report


def _outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {rule["id"]: rule["outcome"] for rule in report["rules"]}


def test_targets_that_are_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file.sql").write_text("select 1;")
    (tmp_path / "broken").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    for name, said in (("none", "no such folder"), ("broken", "no such folder"), ("file.sql", "not a folder")):
        found = run("scan", tmp_path / name)
        assert (found.code, said in found.err) == (2, True)
    assert run("scan", tmp_path / "pipe").code == 2
    found = run("scan", tmp_path / "\x1b[31mred\nline")
    assert (found.code, "\x1b" in found.err, len(found.err.splitlines())) == (2, False, 1)


def test_nothing_to_scan(tmp_path: Path) -> None:
    assert run("scan", tmp_path).code == 5
    write(tmp_path, {"README.md": "", "picture.png": ""})
    found = run("scan", tmp_path)
    assert (found.code, "nothing to scan" in found.err) == (5, True)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, Any], Path]:
    """A history in which every file is odd in its own way, scanned once."""
    top = tmp_path_factory.mktemp("broken")
    root = write(top / "root", {f"{M}/1_a.sql": TABLE.format("a")})
    files: dict[bytes, bytes] = {
        b"2_windows.sql": b"\xef\xbb\xbf-- first\r\n\r\n" + TABLE.format("windows").replace("\n", "\r\n").encode(),
        b"3_typo.sql": b"select 1;\n\ncreat table public.typo (id int);\n" + TABLE.format("after_typo").encode(),
        b"4_nul.sql": b"select 1;\n-- \0 \n" + TABLE.format("nul").encode(),
        b"5_\xff\x1b[31mred\x07 line\xc2\x9b.sql": TABLE.format("hidden").encode(),
        b"not a migration\n\x1b[31m.sql": b'-- backend-audit: ignore[rls-disabled] reason="no"\nselect 1;',
        b"6_names.sql": 'create table public."\x1b]0;owned\x07\x1b[2J\u202e" (id int);\n'.encode(),
    }
    for name, data in files.items():
        (root / M / os.fsdecode(name)).write_bytes(data)
    found, report = _report(root, place=top / "r.json")
    return found, report, root


def _lines(report: dict[str, Any], rule: str) -> dict[str, int]:
    found = [finding for finding in report["findings"] if finding["rule"] == rule]
    return {finding["subject"].removeprefix("table public."): finding["location"]["line"] for finding in found}


def test_lines_stay_right_whatever_the_file_is_like(broken: tuple[Run, dict[str, Any], Path]) -> None:
    lines = _lines(broken[1], "rls-disabled")
    assert {name: lines[name] for name in ("a", "windows", "after_typo", "nul", "hidden")} == {
        "a": 1, "windows": 3, "after_typo": 4, "nul": 3, "hidden": 1,
    }  # fmt: skip


def test_a_statement_that_does_not_parse_is_a_finding_with_its_line(broken: tuple[Run, dict[str, Any], Path]) -> None:
    found = [f for f in broken[1]["findings"] if f["rule"] == "migration-replay-failure"]
    assert [(f["location"]["path"], f["location"]["line"]) for f in found] == [(f"{M}/3_typo.sql", 3)]


@pytest.mark.parametrize("options", [[], ["-v"], ["-q"], ["-o", "json=-"], ["-o", "sarif=-"], ["-o", "html=-"]])
def test_nothing_of_the_repository_acts_on_the_terminal(
    broken: tuple[Run, dict[str, Any], Path], options: list[str]
) -> None:
    shadow = [] if "-q" in options or "-v" in options else ["--no-shadow"]
    found = run("scan", broken[2], *shadow, *options)
    for text in (found.out, found.err):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    if options and options[-1] in {"json=-", "sarif=-"}:
        assert json.loads(found.out)


def test_names_that_are_not_utf8_are_in_every_report(broken: tuple[Run, dict[str, Any], Path], tmp_path: Path) -> None:
    paths = {finding["location"]["path"] for finding in broken[1]["findings"] if finding["location"]}
    assert f"{M}/5_\\xff\x1b[31mred\x07 line\x9b.sql" in paths
    places = [part for form in ("html", "sarif") for part in ("-o", f"{form}={tmp_path / form}")]
    assert run("scan", broken[2], "--only", "rls-disabled", *places).code == 1
    assert "x1b[31m" in (tmp_path / "html").read_text()
    assert json.loads((tmp_path / "sarif").read_text())["runs"][0]["results"]


@pytest.mark.parametrize("fault", ["big", "encoding", "link"])
def test_a_migration_that_cannot_be_read_is_named_and_no_pass(tmp_path: Path, fault: str) -> None:
    root = write(tmp_path / "root", {f"{M}/1_type.sql": "create type public.mood as enum ('ok');\n"})
    bad = root / M / "2_bad.sql"
    if fault == "big":
        with bad.open("wb") as file:
            file.truncate(50_000_000)
    elif fault == "encoding":
        bad.write_bytes(b"create table public.b (id int); -- \xe4\xff\n")
    else:
        bad.symlink_to("/etc/hostname")
    found, report = _report(root, place=tmp_path / "r.json")
    said = {"big": "larger than 10 MB", "encoding": "not valid UTF-8 at byte 35", "link": "symbolic link"}[fault]
    assert found.code == 4
    assert _outcomes(report)["rls-disabled"] == "unknown"
    assert any("2_bad.sql" in row["reason"] and said in row["reason"] for row in report["not_checked"])


def test_a_history_of_which_nothing_can_be_read_is_unknown(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {f"{M}/.keep": ""})
    (root / M / "1_bad.sql").write_bytes(b"\xff")
    found, report = _report(root, place=tmp_path / "r.json")
    assert (found.code, _outcomes(report)["rls-disabled"]) == (4, "unknown")


def _histories_reason(root: Path) -> Exception:
    with Evidence(sources(Target(root))) as evidence, pytest.raises((Unavailable, NotApplicable)) as error:
        evidence.get("shadow database")
    return error.value


def test_not_applicable_needs_files_that_were_understood(tmp_path: Path) -> None:
    sound = write(tmp_path / "sound", {"package.json": '{"dependencies": {"react": "1"}}'})
    assert isinstance(_histories_reason(sound), NotApplicable)
    for name, text in (("syntax", "{"), ("deep", "[" * 100_000), ("bom", "\ufeff{")):
        root = write(tmp_path / name, {"package.json": text})
        assert "package.json" in str(_histories_reason(root))
        assert isinstance(_histories_reason(root), Unavailable)
    linked = write(tmp_path / "linked", {"package.json": "{}"})
    (linked / "migrations").symlink_to(tmp_path)
    assert "migrations (symbolic link)" in str(_histories_reason(linked))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool]\npoetry = 3\n[project]\ndependencies = 3\n"),
        ("pyproject.toml", "[tool.poetry]\ndependencies = 3\n"),
        ("pyproject.toml", "a = " + "[" * 50_000),
        ("package.json", "[1]"),
        ("package.json", '{"dependencies": [1], "imports": "x"}'),
        ("drizzle/meta/_journal.json", '{"entries": [{"idx": Infinity, "tag": "0"}]}'),
        ("prisma/migrations/migration_lock.toml", 'provider = "a"\n' * 50_000 + "generator"),
        ("prisma/schema.prisma", "\n" * 1_000_000),
    ],
)
def test_manifests_of_any_shape_end_no_scan(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, {name: text, "drizzle/0.sql": "select 1;", "prisma/migrations/1/migration.sql": "select 1;"})
    assert run("scan", tmp_path, "--no-shadow").code == 4


def test_sql_that_would_take_for_ever_or_end_the_process() -> None:
    started = time.monotonic()
    split_statements("a.sql", "\\\n" + "COPY t FROM\n" * 50_000)
    (deep, after) = split_statements("a.sql", "select " + "||".join(["'a'"] * 2000) + ";\nselect 2;")
    assert (deep.kind, after.kind, after.line) == ("select_stmt", "select_stmt", 2)
    (refused,) = split_statements("a.sql", "select " + "+".join(["1"] * 200_000))
    assert refused.error == "an expression too deep to parse"
    rows = ",".join(f"(-{n}, 'a+b-c*d', {n}::bigint)" for n in range(20_000))
    (seed,) = split_statements("a.sql", f"insert into t values {rows};")  # noqa: S608 - parsed, not executed
    assert seed.kind == "insert_stmt"
    assert time.monotonic() - started < 20


def test_a_carriage_return_ends_a_comment() -> None:
    assert [s.kind for s in split_statements("a.sql", "creat table a;\n-- note\rdrop table x;\n")] == ["", "drop_stmt"]


def test_globs_that_would_backtrack_for_ever_are_refused(tmp_path: Path) -> None:
    slow = "a*" * 30 + "b"
    root = write(tmp_path / "root", {".gitignore": f"{slow}\n**/a/**/a/**/a/**/b\n", "a" * 200: ""})
    started = time.monotonic()
    assert len(read_repository(root).files) == 2
    assert time.monotonic() - started < 2
    assert fault_of("**/*.generated.*.ts") == ""
    write(root, {"backend-audit.toml": f'exclude = ["{slow}"]\n'})
    assert run("scan", root, "--no-shadow").code == 2


def test_json_on_a_terminal_is_escaped_and_still_the_same(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    write_output("json", "-", '{"name": "a\x9b31m\u202e\x7fé"}')
    out = capsysbinary.readouterr().out
    assert out == '{"name": "a\\u009b31m\\u202e\\u007fé"}'.encode()
    assert json.loads(out) == {"name": "a\x9b31m\u202e\x7fé"}


def test_a_word_in_a_comment_does_not_set_a_history_aside(tmp_path: Path) -> None:
    write(tmp_path, {"migrations/1.sql": "-- no autoincrement here\ncreate table t (id serial);\n"})
    write(tmp_path, {"other/migrations/1.sql": "create table `t` (id int auto_increment) engine=innodb;\n"})
    write(tmp_path, {"mixed/migrations/1.sql": "create table `t` (id int);\ncreate table u (data jsonb);\n"})
    with Evidence(sources(Target(tmp_path))) as evidence:
        found = evidence.get("histories")
    assert [history.folder for history in found.histories] == ["migrations", "mixed/migrations"]
    assert list(found.set_aside) == ["other/migrations"]


def test_postgres_binaries_that_are_not_there(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {f"{M}/1_a.sql": TABLE.format("a")})
    found, report = _report(root, "--pg-bin", "/nowhere", place=tmp_path / "r.json")
    assert found.code == 4
    (reason,) = {rule["reason"] for rule in report["rules"] if rule["kind"] == "catalog"}
    assert reason == "no PostgreSQL server binaries in /nowhere"
    assert "--allow-unknown" in report["gate"]["reason"]


@pytest.fixture
def silent() -> Iterator[int]:
    """A server that accepts and hangs up without a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:{secret}@127.0.0.1:{port}/db",
        "postgresql://user@127.0.0.1:{port}/db?password={secret}",
        "host=127.0.0.1 port={port} user=u password={secret}",
        "postgresql://user:a@{secret}@127.0.0.1:{port}/db",
        "postgresql://user:{secret}/a@127.0.0.1:{port}/db",
        "postgresql://user:{secret}@127.0.0.1:999999/db",
        "mysql://user:{secret}@127.0.0.1:{port}/db",
        "{secret}",
        "host='{secret}",
    ],
)
def test_a_database_that_does_not_answer_is_unknown_and_its_password_unsaid(
    tmp_path: Path, silent: int, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    secret = "hunter2-swordfish"
    root = write(tmp_path / "root", {f"{M}/1_a.sql": TABLE.format("a")})
    monkeypatch.setenv("AUDIT_URL", url.format(secret=secret, port=silent))
    monkeypatch.setenv("BACKEND_AUDIT_DEBUG", "1")
    places = {form: tmp_path / form for form in ("json", "html", "sarif")}
    outputs = [part for form, place in places.items() for part in ("-o", f"{form}={place}")]
    found = run("scan", root, "--no-shadow", "--database", "env:AUDIT_URL", "-v", *outputs)
    assert found.code == 4
    assert "the live database cannot be read: " in places["json"].read_text()
    for text in (found.out, found.err, *(place.read_text() for place in places.values())):
        assert secret not in text
        assert "swordfish" not in text


def test_other_evidence_is_still_reported_when_the_database_is_silent(tmp_path: Path, silent: int) -> None:
    root = write(tmp_path / "root", {f"{M}/1_a.sql": TABLE.format("a")})
    url = f"postgresql://u:secret@127.0.0.1:{silent}/db"
    found, report = _report(root, "--database", url, *ALLOW, place=tmp_path / "r.json")
    assert found.code == 1
    status = {note["source"]: note["status"] for note in report["evidence"]}
    assert (status["live database"], status["shadow database"]) == ("unavailable", "available")
    assert any(finding["rule"] == "rls-disabled" for finding in report["findings"])
