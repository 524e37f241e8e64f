"""The engine as evidence: what it is given, what becomes of its answer, and what is unknown where it has none."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from auditor.audit import Request, audit
from auditor.detectors.ask import ask_files
from auditor.facts.semgrep_output import PageMatches, Scope, Semgrep, fatal, read_output
from auditor.facts.semgrep_rules import RuleError, merged, named, read_rules
from auditor.facts.type_arguments import without_type_arguments
from auditor.model import FileSpan, Kind, State, Target, Unavailable
from auditor.rulebook import Page, load_rulebook
from auditor.sources import semgrep, semgrep_core
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository
from tests.running import write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.model import Answer

PAGE = next(page for page in load_rulebook().pages if page.id == "sql-injection")
FAULT = 'app.get("/", async (req, res) => {\n  await pool.query(`select * from t where a = ${req.query.a}`);\n});\n'
SOUND = 'await pool.query("select * from t where a = $1", [a]);\n'


def _found(root: Path, seconds: float = 60.0) -> Semgrep:
    with ExitStack() as stack:
        return semgrep.read_semgrep([PAGE], read_code(read_repository(root)), seconds, stack)


def _answers(root: Path) -> Sequence[Answer]:
    repository = read_repository(root)
    code = read_code(repository)
    with ExitStack() as stack:
        asked = ask_files(PAGE, repository, code, semgrep.read_semgrep([PAGE], code, 60.0, stack))
    assert not asked.unavailable, asked.unavailable
    return asked.answers


@pytest.fixture
def no_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semgrep_core, "find_core", lambda: None)


def _no_engine(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(semgrep_core, "find_core", lambda: None)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setattr(importlib.metadata, "files", lambda _: None)


def test_a_missing_engine_makes_its_rules_unknown_and_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "app", {"src/a.ts": FAULT + "try { save(); } catch (error) {}\n"})
    _no_engine(monkeypatch, tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.prefix) / "bin"))  # what PATH offers is not taken instead
    request = Request(Target(tmp_path / "app", shadow=False), only=("sql-injection", "empty-catch"))
    report = audit(request, load_rulebook())[0]
    rules = {rule.id: rule for rule in report.rules}
    assert rules["sql-injection"].outcome == "unknown"
    assert "install the package semgrep" in (rules["sql-injection"].reason or "")
    assert rules["empty-catch"].outcome == "fail"
    assert [note.status for note in report.evidence if note.source == "semgrep"] == ["unavailable"]


def test_an_engine_in_the_scanned_folder_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        tmp_path, {"a.ts": FAULT, "semgrep": "#!/bin/sh\ntouch started\n", "bin/semgrep": "#!/bin/sh\ntouch started\n"}
    )
    for name in ("semgrep", "bin/semgrep"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert _found(tmp_path).version.startswith("1.")
    assert not list(tmp_path.rglob("started"))


def test_nothing_is_started_without_a_candidate_or_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.ts": "export const a = 1;\n", "b.py": "print('select one')\n"})
    monkeypatch.setattr(subprocess, "Popen", _refuse)
    assert _found(tmp_path).files == 0
    report = audit(Request(Target(tmp_path, shadow=False), only=("empty-catch",)), load_rulebook())[0]
    assert "semgrep" not in {note.source for note in report.evidence}
    report = audit(Request(Target(tmp_path, shadow=False), only=("sql-injection",)), load_rulebook())[0]
    assert [rule.outcome for rule in report.rules if rule.id == "sql-injection"] == ["not_applicable"]


def _refuse(*_: object, **__: object) -> None:
    raise AssertionError("a process was started")


def test_hostile_names_and_notes_hide_nothing(tmp_path: Path) -> None:
    names = ["-x.ts", "a\nb.ts", "$(touch x).ts", "--config=evil.ts", "node\\x.min.ts", "src/ü b.ts"]
    marked = FAULT.replace("`);", "`); // nosemgrep")
    write(tmp_path, dict.fromkeys(names, marked) | {".semgrepignore": "*\n"})
    failed = [answer for answer in _answers(tmp_path) if answer.state is State.FAIL]
    places = {answer.where.path for answer in failed if isinstance(answer.where, FileSpan)}
    assert places == set(names)
    assert {answer.where.line for answer in failed if isinstance(answer.where, FileSpan)} == {2}
    assert not (tmp_path / "x").exists()


def test_places_are_named_after_their_function_and_every_one_has_a_row(tmp_path: Path) -> None:
    text = f"// é ü\r\nasync function list(a) {{\r\n  {SOUND.strip()}\r\n  {SOUND.strip()}\r\n}}\r\n" + FAULT
    write(tmp_path, {"a.ts": text})
    rows = [(answer.subject, answer.state.value, answer.where) for answer in _answers(tmp_path)]
    assert rows == [
        ("statement a.ts:list", "ok", FileSpan("a.ts", 3, 3)),
        ("statement a.ts:list#2", "ok", FileSpan("a.ts", 4, 4)),
        ("statement a.ts:module", "fail", FileSpan("a.ts", 7, 7)),
    ]


def test_a_run_that_takes_too_long_is_unknown(tmp_path: Path) -> None:
    write(tmp_path, {"a.ts": FAULT})
    with pytest.raises(Unavailable, match="semgrep was stopped after"):
        _found(tmp_path, seconds=0.02)


@pytest.mark.parametrize("core", [True, False])
def test_a_cancelled_scan_ends_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, core: bool) -> None:
    program, started = tmp_path / "engine", tmp_path / "started"
    write(tmp_path, {"a.ts": FAULT, "engine": f"#!/bin/sh\necho x >> {started}\nsleep 60\n"})
    program.chmod(0o755)
    monkeypatch.setattr(semgrep_core, "find_core", lambda: program if core else None)
    monkeypatch.setattr(semgrep, "find_semgrep", lambda: program)
    stack = ExitStack()
    threading.Thread(target=_close_when, args=(started, stack)).start()
    with pytest.raises(Unavailable, match=r"semgrep (failed|was stopped with the scan)"):
        semgrep.read_semgrep([PAGE], read_code(read_repository(tmp_path)), 50.0, stack)
    assert started.read_text() == "x\n", "no other engine is started after the one that was ended"


def _close_when(started: Path, stack: ExitStack) -> None:
    while not started.exists():
        time.sleep(0.05)
    time.sleep(0.3)  # the engine runs before it is registered with the stack
    stack.close()


@pytest.mark.usefixtures("no_core")
@pytest.mark.parametrize("answer", ["echo nonsense", "exit 2", "echo '{}'", "echo '[]'", "echo out >&2; exit 3"])
def test_an_engine_that_crashes_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    write(tmp_path, {"a.ts": FAULT, "semgrep": f"#!/bin/sh\n{answer}\n"})
    (tmp_path / "semgrep").chmod(0o755)
    monkeypatch.setattr(semgrep, "find_semgrep", lambda: tmp_path / "semgrep")
    with pytest.raises(Unavailable, match="semgrep failed"):
        _found(tmp_path)


def _page(folder: Path, name: str, rules: str) -> Page:
    write(folder, {f"{name}.yaml": rules})
    return replace(PAGE, id=name, path=folder / f"{name}.md", kind=Kind.CODE)


def test_a_bad_rule_file_costs_only_its_own_page(tmp_path: Path) -> None:
    pages = [
        PAGE,
        _page(tmp_path, "no-yaml", "rules: [: {"),
        _page(tmp_path, "no-pattern", json.dumps({"rules": [_rule("no-pattern", "$X.query(((")]})),
    ]
    write(tmp_path / "app", {"a.ts": FAULT})
    repository = read_repository(tmp_path / "app")
    code = read_code(repository)
    with ExitStack() as stack:
        found = semgrep.read_semgrep(pages, code, 60.0, stack)
    asked = [ask_files(page, repository, code, found) for page in pages]
    assert [answer.state for answer in asked[0].answers] == [State.FAIL]
    assert "no-yaml.yaml cannot be used" in (asked[1].unavailable or "")
    assert "semgrep refuses the rule no-pattern" in (asked[2].unavailable or "")


def _rule(name: str, pattern: str, **metadata: object) -> dict[str, object]:
    return {"id": name, "languages": ["typescript"], "message": "m", "pattern": pattern, "metadata": metadata}


@pytest.mark.parametrize(
    "item",
    [
        _rule("other", "$X"),
        _rule("a-page", "$X", colour="red"),
        _rule("a-page", "$X", words=["("]),
        _rule("a-page", "$X", severity="huge"),
        {"id": "a-page"},
        "text",
    ],
)
def test_rules_that_do_not_follow_the_format_are_refused(item: object) -> None:
    with pytest.raises(RuleError):
        read_rules("a-page", json.dumps({"rules": [item]}))


def test_the_engine_never_sees_what_is_for_this_tool() -> None:
    rules = named(
        read_rules("a-page", json.dumps({"rules": [_rule("a-page.subject", "$X", words=["x"], noun="call")]}))
    )
    written = json.loads(merged(rules))["rules"][0]
    assert written["id"] == rules[0].name
    assert "metadata" not in written
    assert rules[0].is_subject
    assert rules[0].may_match("tsx", lambda word: word.search("x") is not None)
    assert not rules[0].may_match("tsx", lambda word: word.search("y") is not None)
    assert not rules[0].may_match("python", lambda word: word.search("x") is not None)


def _output(**parts: object) -> dict[str, Any]:
    return {"results": [], "errors": [], "paths": {"scanned": ["targets/1.ts"]}} | parts


def _partial(first: int, last: int) -> dict[str, Any]:
    spans = [{"start": {"line": first}, "end": {"line": last}}]
    return {"type": ["PartialParsing", []], "path": "targets/1.ts", "spans": spans}


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (_output(), None),
        (_output(paths={"scanned": []}), "did not look at it"),
        (_output(errors=[{"type": "Timeout", "path": "targets/1.ts", "rule_id": "r0"}]), "gave up on it: Timeout"),
        (_output(errors=[{"type": "Out of memory", "path": "targets/1.ts"}]), "gave up on it: Out of memory"),
        (_output(errors=[_partial(1, 1)]), None),
        (_output(errors=[_partial(1, 2)]), "cannot parse lines 1 to 2"),
    ],
)  # fmt: skip
def test_a_file_that_was_not_read_is_known_as_such(output: dict[str, Any], reason: str | None) -> None:
    rules = named(read_rules("a-page", json.dumps({"rules": [_rule("a-page", "$X", words=["query"])]})))
    pages = {"a-page": PageMatches(files=("a.ts",))}
    scope = Scope({"r0": rules[0]}, {"1.ts": "a.ts"}, {"a.ts": "function ((\nquery(\n"})
    read_output(output, scope, pages)
    assert not fatal(output)
    unread = pages["a-page"].unread
    assert unread == {} if reason is None else reason in unread["a.ts"]


def test_an_error_without_file_and_rule_concerns_all() -> None:
    error = {"type": "SemgrepError", "level": "error", "message": "invalid\n configuration"}
    assert fatal(_output(errors=[error])) == "invalid configuration"


def test_without_subject_rules_the_files_are_the_subjects(tmp_path: Path) -> None:
    page = _page(tmp_path, "by-file", json.dumps({"rules": [_rule("by-file", "bad(...)", words=["call"])]}))
    write(tmp_path / "app", {"a.ts": "// call\nbad(1);\n", "b.ts": "// call\n", "c.ts": "bad(1);\n"})
    repository = read_repository(tmp_path / "app")
    code = read_code(repository)
    with ExitStack() as stack:
        asked = ask_files(page, repository, code, semgrep.read_semgrep([page], code, 60.0, stack))
    rows = [(answer.subject, answer.state.value) for answer in asked.answers]
    assert rows == [("place a.ts:module", "fail"), ("file b.ts", "ok")]


def test_the_fixtures_show_the_planted_statement_and_nothing_else() -> None:
    rules = ("sql-injection", "sql-in-route-handler", "command-injection", "server-side-request-forgery")
    places = {}
    for name in ("leaky", "sound"):
        root = Path(__file__).parent.parent / "fixtures" / name
        report = audit(Request(Target(root, shadow=False), only=rules), load_rulebook())[0]
        found = [finding for finding in report.findings if finding.location]
        places[name] = {(f.rule, f.severity, f.location.path, f.location.line) for f in found if f.location}
    place = ("src/routes/projects.ts", 16)
    assert places["leaky"] == {
        ("sql-injection", "critical", *place),
        ("sql-in-route-handler", "low", *place),
        ("server-side-request-forgery", "high", "src/routes/webhooks.ts", 39),
    }
    assert places["sound"] == set()
    passed = {rule.id: rule for rule in report.rules}["server-side-request-forgery"]
    assert (passed.outcome, passed.subjects_failed) == ("pass", 0)
    assert passed.subjects_total >= 1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("await a.b<T[]>(x)", "await a.b (x)"),
        ("await a.b<{ id: Map<string, () => void> }[]>`x`", "await a.b `x`"),
        ("await a.b<{\n  id: string;\n}>(x)", "await a.b (x)"),
        ("(await a()).b<T>(x)", "(await a()).b (x)"),
        ("await a < b; c > (d)", "await a < b; c > (d)"),
        ("await a<b", "await a<b"),
        ("await a<b]>(c)", "await a<b]>(c)"),
    ],
)
def test_type_arguments_are_blanked_in_place(text: str, wanted: str) -> None:
    blanked = without_type_arguments(text)
    assert " ".join(blanked.split()) == wanted
    assert [len(line) for line in blanked.split("\n")] == [len(line) for line in text.split("\n")]
