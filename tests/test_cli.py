from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditor import __version__, audit
from auditor.gate import GateSettings, decide
from auditor.model import Confidence, Severity
from auditor.report import Report
from auditor.rulebook import load_rulebook
from tests.running import TOOL, run, write

HEAVY = {"pydantic", "psycopg", "sqlglot", "postgast", "rich", "jinja2", "pathspec", "google.protobuf"}
NOTES = {"supabase/migrations/1_notes.sql": "create table public.notes (id int primary key, owner uuid);\n"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "root", NOTES)


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["rules"], ["rules", "--format", "json"], ["explain", "rls-disabled"]]
)
def test_pages_are_read_without_heavy_packages(arguments: list[str]) -> None:
    program = (
        "import sys, atexit\nfrom auditor.cli import main\n"
        f"atexit.register(lambda: print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr))\n"
        f"sys.argv = ['backend-audit', *{arguments!r}]\nmain()"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert answer.stdout
    assert answer.stderr.strip() == "[]"


def test_help_names_every_exit_code() -> None:
    text = run("--help").out
    codes = [int(code) for code in re.findall(r"^ +(\d+)  ", text, re.MULTILINE)]
    assert codes == [2, 3, 5, 1, 4, 0, 130]
    assert run("--version").out.strip() == f"backend-audit, version {__version__}"
    assert "--allow-unknown" in run("scan", "-h").out


def test_rules_and_explain() -> None:
    rows = json.loads(run("rules", "--format", "json").out)
    assert [row["id"] for row in rows] == [page.id for page in load_rulebook().pages]
    assert set(rows[0]) == {"id", "kind", "control", "severity", "title", "equivalents", "formerly"}
    assert len(run("rules").out.splitlines()) == len(rows)
    assert "**Fix.**" in run("explain", "rls-disabled").out
    found = run("explain", "rls-disable")
    assert (found.code, "did you mean 'rls-disabled'?" in found.err) == (2, True)
    assert "`backend-audit rules` lists them" in run("explain", "qqqq").err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--only", "rls-disable"], "did you mean 'rls-disabled'?"),
        (["--only", "zzz"], "no rule, control or kind is named 'zzz'"),
        (["--database", "env:BACKEND_AUDIT_UNSET"], "variable BACKEND_AUDIT_UNSET is not set"),
        (["--database", ""], "the URL is empty"),
        (["-o", "pdf=x.pdf"], "json, html, sarif"),
        (["-o", "json"], "write FORMAT=FILE"),
        (["-o", "json="], "write FORMAT=FILE"),
        (["-o", "json=/nowhere/x.json"], "there is no folder /nowhere"),
        (["-o", "json=/tmp"], "this is a folder"),
        (["-o", "json=-", "-o", "sarif=-"], "same place"),
        (["--allow-unknown", "rls-on-all-table"], "did you mean 'rls-on-all-tables'?"),
        (["--exclude", "!"], "--exclude: '!' is not a valid glob"),
        (["--fail-on", "sometimes"], "--fail-on"),
        (["--timeout", "0"], "--timeout"),
        (["--nonsense"], "--nonsense"),
    ],
)  # fmt: skip
def test_usage_errors_end_with_2(root: Path, options: list[str], said: str) -> None:
    found = run("scan", root, "--no-shadow", *options)
    assert (found.code, found.out) == (2, "")
    assert said in found.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_is_a_usage_error(root: Path, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert run("scan", root, "--no-shadow", "-o", f"json={tmp_path / 'closed' / 'r.json'}").code == 2


def test_a_full_disk_is_said(root: Path) -> None:
    found = run("scan", root, "--no-shadow", "-o", "json=/dev/full")
    assert (found.code, "No space left" in found.err) == (2, True)


def test_reports_go_where_they_are_sent(root: Path, tmp_path: Path) -> None:
    places = [tmp_path / f"r.{form}" for form in ("json", "html", "sarif")]
    outputs = [part for place in places for part in ("-o", f"{place.suffix[1:]}={place}")]
    found = run("scan", root, "--no-shadow", "--allow-unknown", "all", *outputs)
    assert (found.code, found.err) == (0, "")
    assert "gate passed" in found.out
    assert all(place.stat().st_size > 1000 for place in places)
    assert json.loads(places[0].read_text())["gate"]["exit_code"] == 0


def test_json_on_stdout_is_pure(root: Path) -> None:
    found = run("scan", root, "--no-shadow", "-o", "json=-")
    assert json.loads(found.out)["gate"]["exit_code"] == found.code == 4
    assert "Row level security" in found.err
    quiet = run("scan", root, "--no-shadow", "-o", "json=-", "-q")
    assert json.loads(quiet.out)
    assert len(quiet.err.splitlines()) == 1


def test_quiet_says_one_sentence(root: Path) -> None:
    found = run("scan", root, "--no-shadow", "-q")
    assert (found.code, found.out) == (4, "")
    assert found.err.startswith("backend-audit: incomplete: ")


def test_what_is_unknown_can_be_allowed(root: Path) -> None:
    assert run("scan", root, "--no-shadow").code == 4
    assert run("scan", root, "--no-shadow", "--allow-unknown", "rls-on-all-tables").code == 4
    assert run("scan", root, "--no-shadow", "--allow-unknown", "all").code == 0
    write(root, {"backend-audit.toml": 'allow-unknown = ["all"]\n'})
    assert run("scan", root, "--no-shadow").code == 0


def test_the_gate_counts_what_it_is_told_to(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "r.json"
    options = ("--only", "rls-disabled", "--allow-unknown", "all", "-o", f"json={place}")
    assert run("scan", root, *options).code == 1
    findings = Report.model_validate_json(place.read_text()).findings
    for settings, code in (
        (GateSettings(), 1),
        (GateSettings(Severity.CRITICAL), 1),
        (GateSettings(None), 0),
        (GateSettings(min_confidence=Confidence.PROVED), 0),
    ):
        assert decide(settings, findings, []).exit_code == code
        low = [finding.model_copy(update={"severity": Severity.MEDIUM}) for finding in findings]
        assert decide(settings, low, []).exit_code == 0
    assert decide(GateSettings(Severity.MEDIUM), low, []).exit_code == 1


def test_what_is_accepted_stays_in_the_report_and_passes(root: Path, tmp_path: Path) -> None:
    note = '-- backend-audit: ignore[rls-disabled] until=2999-01-01 reason="moves soon"\n'
    unused = '-- backend-audit: ignore[duplicate-index] until=2999-01-01 reason="not asked here"\n'
    write(root, {name: note + unused + text for name, text in NOTES.items()})
    place = tmp_path / "r.json"
    options = ("--only", "rls-disabled", "--allow-unknown", "all", "-o", f"json={place}")
    assert run("scan", root, *options).code == 0
    (finding,) = json.loads(place.read_text())["findings"]
    assert (finding["rule"], finding["status"], finding["status_reason"]) == ("rls-disabled", "accepted", "moves soon")


def test_a_crash_ends_with_3(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("no such luck\x1b[31m")

    monkeypatch.setattr(audit, "audit", crash)
    found = run("scan", root)
    assert (found.code, "RuntimeError: no such luck\\x1b[31m" in found.err) == (3, True)
    assert "Traceback" not in found.err
    monkeypatch.setenv("BACKEND_AUDIT_DEBUG", "1")
    found = run("scan", root)
    assert (found.code, "Traceback" in found.err) == (3, True)


def test_an_interrupt_ends_with_130(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(audit, "audit", stop)
    assert run("scan", root).code == 130


@pytest.mark.parametrize(
    "arguments", [["rules"], ["scan", "{root}", "--no-shadow"], ["scan", "{root}", "--no-shadow", "-o", "json=-"]]
)
def test_a_closed_pipe_is_no_failed_gate(root: Path, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [*TOOL, *(argument.format(root=root) for argument in arguments)]
    answer = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    os.close(writer)
    assert answer.returncode == 3
    assert "Traceback" not in answer.stderr
    assert "Exception ignored" not in answer.stderr


def test_a_terminal_without_utf8_is_no_reason_to_fail(root: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for arguments in (["explain", "rls-disabled"], ["scan", str(root), "--no-shadow", "--allow-unknown", "all"]):
        answer = subprocess.run([*TOOL, *arguments], capture_output=True, check=False, timeout=60, env=environment)
        assert (answer.returncode, answer.stderr) == (0, b"")


def _children(process: int) -> set[str]:
    rows = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True, timeout=10)
    pairs = [row.split() for row in rows.stdout.splitlines()]
    return {pid for pid, parent in pairs if parent == str(process)}


def test_an_interrupt_waits_for_no_file_that_is_being_read(tmp_path: Path) -> None:
    root = write(tmp_path, {f"src/a{number}.ts": "export const a = 1\n" for number in range(3)})
    slow = (
        "import sys, time\nfrom auditor.sources import code\n"
        "code.parse = lambda *_: [time.sleep(1) for _ in range(60)]\n"
        "from auditor.cli import main\nsys.argv[1:] = ['scan', sys.argv[1], '--offline', '--no-cache']\nmain()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", slow, str(root)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as scan:
        time.sleep(4)
        scan.terminate()
        started = time.monotonic()
        scan.communicate(timeout=50)
    assert (scan.returncode, time.monotonic() - started < 20) == (130, True)


def test_sigterm_stops_the_scan_and_its_servers(tmp_path: Path) -> None:
    root = write(tmp_path, {"supabase/migrations/1_a.sql": "select pg_sleep(15);\n"})
    with subprocess.Popen([*TOOL, "scan", root], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as scan:
        until = time.monotonic() + 30
        while not (servers := _children(scan.pid)) and time.monotonic() < until:
            time.sleep(0.2)
        time.sleep(1)
        scan.terminate()
        _, said = scan.communicate(timeout=20)
    assert servers
    assert (scan.returncode, "interrupted" in said) == (130, True)
    assert not any(Path(f"/proc/{pid}").exists() for pid in servers)
