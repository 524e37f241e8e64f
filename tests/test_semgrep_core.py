"""The engine without its command line: the same answers, and the command line whenever anything is off."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from auditor.audit import Request, audit
from auditor.model import Target
from auditor.rulebook import load_rulebook, read_examples
from auditor.sources import semgrep, semgrep_core
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository
from tests.running import write

if TYPE_CHECKING:
    from auditor.facts.semgrep_output import Semgrep

PAGES = [page for page in load_rulebook().pages if page.yaml]
FAULT = "export async function find(a: string) {\n  await pool.query(`select * from t where a = ${a}`);\n}\n"
PYTHON = 'def find(a):\n    cursor.execute(f"select * from t where a = {a}")\n'
FIXTURES = Path(__file__).parent.parent / "fixtures"


def _found(root: Path) -> Semgrep:
    with ExitStack() as stack:
        return semgrep.read_semgrep(PAGES, read_code(read_repository(root)), 60.0, stack)


def _rows(found: Semgrep) -> set[tuple[str, str, tuple[int, int], tuple[int, int]]]:
    matches = (match for page in found.pages.values() for match in page.subjects + page.faults)
    return {(match.rule.id, match.path, match.start, match.end) for match in matches}


def _examples(root: Path) -> Path:
    for page in PAGES:
        for number, example in enumerate(read_examples(page)):
            write(root, {f"{page.id}-{number}/{path}": text for path, text in example.files.items()})
    return root


def _written(root: Path) -> Path:
    broken = "function ((\npool.query(`select ${a}`)\n"
    files = {"a.ts": FAULT, "b.tsx": FAULT, "c.js": FAULT, "d.py": PYTHON, "e.ts": FAULT + broken, "f.mts": FAULT}
    write(root, files | {"g.ts": FAULT.replace("`);", "`); // nosemgrep"), "h.jsx": FAULT, "i.cjs": FAULT})
    return root


@pytest.mark.parametrize("where", ["leaky", "sound", "examples", "written"])
def test_both_ways_give_the_same_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    made = {"examples": _examples, "written": _written}
    root = made[where](tmp_path) if where in made else FIXTURES / where
    asked = _found(root)
    monkeypatch.setattr(semgrep_core, "find_core", lambda: None)
    by_command = _found(root)
    assert (asked.engine, by_command.engine) == ("core", "command line")
    assert _rows(asked) == _rows(by_command)
    assert asked.version == by_command.version
    for name, page in asked.pages.items():
        assert page.unread.keys() == by_command.pages[name].unread.keys()
    assert {path for _, path, *_ in _rows(asked)} or where not in made


def test_the_command_line_sends_nothing_and_heeds_no_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semgrep_core, "find_core", lambda: None)
    seen = _started(tmp_path, monkeypatch)
    assert seen["command"][seen["command"].index("--metrics") + 1] == "off"
    assert {"--disable-version-check", "--disable-nosem"} <= set(seen["command"])


@pytest.mark.parametrize("core", [True, False])
def test_the_engine_gets_no_network_settings_and_nothing_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, core: bool
) -> None:
    if not core:
        monkeypatch.setattr(semgrep_core, "find_core", lambda: None)
    for name in ("https_proxy", "SEMGREP_APP_TOKEN", "SEMGREP_RULES", "PYTHONPATH"):
        monkeypatch.setenv(name, "http://evil.example")
    seen = _started(tmp_path, monkeypatch)
    assert not [name for name, value in seen["env"].items() if "evil" in value]
    assert seen["env"]["SEMGREP_SEND_METRICS"] == "off"
    assert not Path(seen["cwd"]).exists(), "the private folder is gone"
    assert not [word for word in seen["command"] if str(tmp_path) in word]


def _started(root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """How the engine was started."""
    seen: dict[str, Any] = {}
    start = subprocess.Popen

    def note(command: list[str], **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - as Popen
        seen.update(options, command=command)
        return start(command, **options)

    write(root, {"a.ts": FAULT})
    monkeypatch.setattr(subprocess, "Popen", note)
    _found(root)
    return seen


def test_the_report_says_how_the_engine_was_asked(tmp_path: Path) -> None:
    write(tmp_path, {"a.ts": FAULT})
    report = audit(Request(Target(tmp_path, shadow=False), only=("sql-injection",)), load_rulebook())[0]
    assert [note.facts["engine"] for note in report.evidence if note.source == "semgrep"] == ["core"]


def test_a_version_that_was_not_tried_is_not_asked_this_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert semgrep_core.find_core()
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "1.999.0")
    assert semgrep_core.find_core() is None


def test_a_missing_package_or_program_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("semgrep", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    assert semgrep_core.find_core() is None
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert semgrep_core.find_core() is None


@pytest.mark.parametrize("program", ["echo nonsense", "echo '{}'", "exit 3", "kill -9 $$", "echo '[1]'"])
def test_whatever_goes_wrong_the_command_line_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    write(tmp_path, {"app/a.ts": FAULT, "core": f"#!/bin/sh\n{program}\n"})
    (tmp_path / "core").chmod(0o755)
    monkeypatch.setattr(semgrep_core, "find_core", lambda: tmp_path / "core")
    found = _found(tmp_path / "app")
    assert found.engine == "command line"
    assert ("sql-injection.argument", "a.ts") in {(rule, path) for rule, path, *_ in _rows(found)}


def test_a_program_that_cannot_be_started_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"app/a.ts": FAULT, "core": "no program"})
    monkeypatch.setattr(semgrep_core, "find_core", lambda: tmp_path / "core")
    assert _found(tmp_path / "app").engine == "command line"


def _answer(**parts: object) -> bytes:
    places = [f"targets/000000-sentinel-.{suffix}" for suffix in ("ts", "js", "py")]
    point = {"line": 1, "col": 1, "offset": 0}
    results = [{"check_id": "sentinel", "path": path, "start": point, "end": point, "extra": {}} for path in places]
    answer: dict[str, Any] = {"version": "1.182.0", "results": results, "errors": [], "paths": {"scanned": places}}
    return json.dumps(answer | parts).encode()


def test_only_the_answer_that_was_tried_counts() -> None:
    whole = semgrep_core.read((0, _answer(), b""))
    assert whole
    assert whole["results"] == [], "the lines of its own are no results"
    wrong = {"check_id": "r0", "path": "targets/1.ts"}
    for ended in (
        (1, _answer(), b""),
        (0, _answer(version="1.183.0"), b""),
        (0, _answer(results=json.loads(_answer())["results"][1:]), b""),
        (0, _answer(results=[*json.loads(_answer())["results"], wrong]), b""),
        (0, _answer(errors=[{"severity": "error"}]), b""),
        (0, _answer(errors=[{"error_type": "Fatal error", "severity": "error", "message": "m"}]), b""),
        (0, _answer(paths=None), b""),
    ):
        assert semgrep_core.read(ended) is None
