"""`config`: where each value is from, what is wrong, and the schema; severities, weights and scopes at work."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from tests.running import run, write

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """# ours
fail-on = "low"
exclude = ["docs/"]

[severity]
empty-catch = "high"

[[ignore]]
rule = "rls-disabled"
reason = "moves soon"
"""
CATCH = "try { work() } catch {}\n"


def shown(folder: Path, *options: str) -> dict[str, Any]:
    found = run("config", "show", folder, "--format", "json", *options)
    assert found.code == 0, found.err
    values: dict[str, Any] = json.loads(found.out)
    return values


def test_each_value_says_where_it_is_from(tmp_path: Path) -> None:
    write(tmp_path, {"backend-audit.toml": TEXT})
    found = shown(tmp_path, "--min-grade", "B", "--exclude", "x/", "--min-coverage", "0")
    assert found["fail-on"] == {"value": "low", "from": "backend-audit.toml:2"}
    assert found["severity"] == {"value": {"empty-catch": "high"}, "from": "backend-audit.toml:5"}
    assert found["ignore"]["from"] == "backend-audit.toml:8"
    assert found["min-confidence"] == {"value": "inferred", "from": "default"}
    assert found["min-grade"] == {"value": "B", "from": "command line"}
    assert found["min-coverage"] == {"value": 0.0, "from": "command line"}
    assert found["exclude"] == {"value": ["docs/", "x/"], "from": "backend-audit.toml:3 and the command line"}
    assert shown(tmp_path, "--fail-on", "high")["fail-on"] == {"value": "high", "from": "command line"}
    assert 'fail-on             "low"  (backend-audit.toml:2)' in run("config", "show", tmp_path).out


def test_the_other_place_is_named_too(tmp_path: Path) -> None:
    text = TEXT.replace("[severity]", "[tool.backend-audit.severity]").replace(
        "[[ignore]]", "[[tool.backend-audit.ignore]]"
    )
    write(tmp_path, {"pyproject.toml": f"[project]\nname = 'x'\n[tool.backend-audit]\n{text}", "src/a.ts": CATCH})
    found = shown(tmp_path)
    assert found["fail-on"]["from"] == "pyproject.toml:5"
    assert found["ignore"]["from"] == "pyproject.toml:11"
    place = tmp_path / "r.json"
    run("scan", tmp_path, "--no-shadow", "--only", "empty-catch", "-o", f"json={place}")
    write(
        tmp_path,
        {"pyproject.toml": '[tool.backend-audit]\n[[tool.backend-audit.ignore]]\nrule = "x"\nreason = "odd"\n'},
    )
    run("scan", tmp_path, "--no-shadow", "--only", "empty-catch", "-o", f"json={place}")
    unused = [f for f in json.loads(place.read_text())["findings"] if f["rule"] == "suppression-unused"]
    assert [(f["location"]["path"], f["location"]["line"]) for f in unused] == [("pyproject.toml", 2)]


def test_the_schema_accepts_what_the_tool_accepts(tmp_path: Path) -> None:
    schema = json.loads(run("config", "schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert not list(validator.iter_errors(tomllib.loads(TEXT)))
    for text in ("fail-onn = 1", "min-coverage = 200", '[[scope]]\nseverity = "low"', '[severity]\nx = "huge"'):
        assert list(validator.iter_errors(tomllib.loads(text))), text
        assert run("config", "check", write(tmp_path, {"backend-audit.toml": text})).code == 2


def test_a_sound_file_is_said_to_be_sound_with_what_it_loosens(tmp_path: Path) -> None:
    assert "no settings" in run("config", "check", tmp_path).err
    write(tmp_path, {"backend-audit.toml": TEXT.replace('"low"', '"never"')})
    found = run("config", "check", tmp_path)
    assert (found.code, "is sound" in found.err) == (0, True)
    assert 'note: backend-audit.toml:2: fail-on = "never"' in found.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('require = ["rls-on-all-table"]', ":1: 'require': no control is named 'rls-on-all-table'; did you mean"),
        ('[severity]\nempty-catc = "low"', "'severity': no rule is named 'empty-catc'; did you mean 'empty-catch'?"),
        ('[weight]\nx = "low"', "no control is named 'x'"),
        ('[[scope]]\npaths = ["a"]\nrules = ["empty-cat"]\nseverity = "low"', "did you mean 'empty-catch'?"),
        ('[[scope]]\npaths = ["a/**/b/**/c/**/d"]\nseverity = "low"', "too many wildcards"),
        ('[[scope]]\npath = ["a"]\nseverity = "low"', "did you mean 'paths'?"),
        ('min-grade = "E"', "'min-grade'"),
        ("history = true", "'history' may not be set by a repository: it would make the tool write"),
        ('semgrep-rules = "x"', "it would make the tool run a program"),
        ('database = "x"', "it would make the tool connect to a place"),
        ('access-contract = "../x"', "names a file inside the scanned folder"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, {"backend-audit.toml": text + "\n", "a.sql": ""})
    for command in (("config", "check", tmp_path), ("config", "show", tmp_path), ("scan", tmp_path, "--no-shadow")):
        found = run(*command)
        assert (found.code, said in found.err) == (2, True), found.err


def severities(folder: Path) -> dict[str, str]:
    place = folder / "r.json"
    run("scan", folder, "--no-shadow", "--only", "empty-catch", "-o", f"json={place}")
    report = json.loads(place.read_text())
    return {finding["location"]["path"]: finding["severity"] for finding in report["findings"]}


def test_severities_of_rules_and_of_paths(tmp_path: Path) -> None:
    write(tmp_path, {"src/a.ts": CATCH, "legacy/b.ts": CATCH})
    assert severities(tmp_path) == {"src/a.ts": "low", "legacy/b.ts": "low"}
    scope = '[[scope]]\npaths = ["legacy/"]\nrules = ["errors-handled"]\nseverity = "info"\n'
    text = f'[severity]\nempty-catch = "high"\n{scope}'
    write(tmp_path, {"backend-audit.toml": text})
    assert severities(tmp_path) == {"src/a.ts": "high", "legacy/b.ts": "info"}
    other = text.replace("errors-handled", "rls-disabled")
    write(tmp_path, {"backend-audit.toml": other})
    assert severities(tmp_path) == {"src/a.ts": "high", "legacy/b.ts": "high"}


def test_the_weight_of_a_control(tmp_path: Path) -> None:
    write(tmp_path, {"src/a.ts": CATCH, "backend-audit.toml": '[weight]\nerrors-handled = "critical"\n'})
    place = tmp_path / "r.json"
    found = run("scan", tmp_path, "--no-shadow", "-o", f"json={place}")
    lines = {line["control"]: line["weight"] for line in json.loads(place.read_text())["score"]["lines"]}
    assert (lines["errors-handled"], "weight of" in found.out) == (10.0, False)
    write(tmp_path, {"backend-audit.toml": '[weight]\nerrors-handled = "low"\n'})
    assert "note: backend-audit.toml:2: weight of errors-handled is low" in run("scan", tmp_path, "--no-shadow").out
