"""Rules of semgrep that the user brings along: run beside ours, reported, counted by the gate, and not scored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.running import run, write

if TYPE_CHECKING:
    from pathlib import Path

RULES = """
rules:
  - id: no-launch
    languages: [ts, js]
    severity: ERROR
    message: Do not launch here. Call the queue.
    metadata: {cwe: ["CWE-95: Eval"]}
    pattern: launch(...)
  - id: flow
    mode: taint
    languages: [python]
    severity: WARNING
    message: goes from a source to a sink
    metadata: {confidence: LOW}
    paths: {include: ["app/*.py"], exclude: ["app/old.py"]}
    pattern-sources: [{pattern: source()}]
    pattern-sinks: [{pattern: sink(...)}]
"""
FILES = {
    "a.ts": "'use client'\nexport const a = launch(1) // nosemgrep\n",
    "b.ts": "export const b = land(1)\n",
    "app/c.py": "sink(source())\n",
    "app/old.py": "sink(source())\n",
    "d.py": "sink(source())\n",
}


def _scan(folder: Path, *options: str | Path) -> tuple[int, dict[str, Any]]:
    out = folder / "out.json"
    ran = run("scan", folder / "project", "--only", "own-rules", "-q", f"-ojson={out}", *options)
    return ran.code, json.loads(out.read_text())


def test_findings_stand_beside_ours_and_count_for_the_gate(tmp_path: Path) -> None:
    write(tmp_path, {"rules.yml": RULES} | {f"project/{name}": text for name, text in FILES.items()})
    code, report = _scan(tmp_path, "--semgrep-rules", tmp_path / "rules.yml")
    found = [(f["rule"], f["severity"], f["confidence"], f["location"]["path"]) for f in report["findings"]]
    assert found == [
        ("semgrep:no-launch", "high", "inferred", "a.ts"),
        ("semgrep:flow", "medium", "suspected", "app/c.py"),
    ]
    assert report["findings"][0]["title"] == "Do not launch here"
    assert "own-rules" not in [control["id"] for control in report["controls"]]
    rows = {rule["id"]: (rule["subjects_total"], rule["subjects_failed"]) for rule in report["rules"]}
    assert rows["semgrep:no-launch"] == (2, 1)
    assert code == 1
    assert _scan(tmp_path, "--semgrep-rules", tmp_path / "rules.yml", "--fail-on", "critical")[0] != 1


def test_every_format_shows_them(tmp_path: Path) -> None:
    write(tmp_path, {"rules/a.yml": RULES} | {f"project/{name}": text for name, text in FILES.items()})
    forms = ("html", "sarif", "markdown", "junit", "csv", "gitlab-sast")
    outputs = [f"-o{form}={tmp_path / form}" for form in forms]
    run("scan", tmp_path / "project", "--only", "own-rules", "--semgrep-rules", tmp_path / "rules", *outputs)
    for form in forms:
        assert "semgrep:no-launch" in (tmp_path / form).read_text(), form


def test_a_comment_of_ours_accepts_a_finding(tmp_path: Path) -> None:
    note = '// backend-audit: ignore[semgrep:no-launch] until=2999-01-01 reason="it is the queue"\nlaunch(1)\n'
    write(tmp_path, {"rules.yml": RULES, "project/a.ts": note})
    code, report = _scan(tmp_path, "--semgrep-rules", tmp_path / "rules.yml")
    assert (code, [finding["status"] for finding in report["findings"]]) == (0, ["accepted"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (RULES.replace("launch(...)", "launch((("), ("no-launch", "Invalid pattern")),
        (RULES.replace("pattern-sinks", "pattern-sink"), ("flow",)),
        (RULES.replace("    severity: ERROR\n", ""), ("no-launch", "severity")),
        (RULES + RULES.replace("\nrules:", ""), ("no-launch", "twice")),
        ("rules: [", ("rules.yml",)),
        ("rules: text", ("list of rules",)),
        (RULES.replace("[ts, js]", "[go]").replace("[python]", "[java]"), ("no rule for TypeScript",)),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    write(tmp_path, {"rules.yml": text, "project/a.ts": "launch(1)\n"})
    ran = run("scan", tmp_path / "project", "--semgrep-rules", tmp_path / "rules.yml")
    assert ran.code == 2
    assert [word for word in words if word not in ran.err] == []


def test_only_the_user_names_them(tmp_path: Path) -> None:
    write(tmp_path, {"rules.yml": RULES, "project/a.ts": "", "project/backend-audit.toml": 'semgrep-rules = "x.yml"\n'})
    ran = run("scan", tmp_path / "project")
    assert (ran.code, "semgrep-rules" in ran.err) == (2, True)
    assert run("scan", tmp_path / "project", "--semgrep-rules", tmp_path / "none.yml").code == 2


def test_a_rule_for_another_language_is_named_and_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"rules.yml": RULES.replace("[python]", "[go]"), "project/a.ts": "launch(1)\n"})
    ran = run("scan", tmp_path / "project", "--only", "own-rules", "--semgrep-rules", tmp_path / "rules.yml")
    assert (ran.code, "flow" in ran.err) == (1, True)
