"""What ties the tool into pipelines and editors: `init`, the script of the action, hooks, completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from auditor.config import read_settings
from tests.running import run, write

ROOT = Path(__file__).parents[1]


def _yaml(text: str) -> Any:  # noqa: ANN401 - YAML of any shape
    return YAML(typ="safe", pure=True).load(text)


def test_init_writes_files_that_are_valid(tmp_path: Path) -> None:
    write(tmp_path, {"package.json": '{"dependencies": {"hono": "4"}}'})
    ended = run("init", tmp_path)
    assert ended.code == 0
    assert "Found here: Hono" in (tmp_path / "backend-audit.toml").read_text("utf-8")
    assert read_settings(tmp_path).fail_on == "high"
    workflow = _yaml((tmp_path / ".github/workflows/backend-audit.yml").read_text("utf-8"))
    steps = workflow["jobs"]["audit"]["steps"]
    assert any("backend-audit scan" in step.get("run", "") for step in steps)
    hooks = _yaml((tmp_path / ".pre-commit-config.yaml").read_text("utf-8"))
    assert hooks["repos"][0]["hooks"][0]["entry"] == "backend-audit scan --changed -q"


def test_init_changes_no_file_that_is_there(tmp_path: Path) -> None:
    write(tmp_path, {"backend-audit.toml": "# mine\n", ".pre-commit-config.yaml": "repos: []\n"})
    shown = run("init", tmp_path)
    assert (tmp_path / "backend-audit.toml").read_text("utf-8") == "# mine\n"
    assert (tmp_path / ".pre-commit-config.yaml").read_text("utf-8") == "repos: []\n"
    assert "id: backend-audit" in shown.out
    again = run("init", tmp_path)
    assert "wrote" not in again.out


def test_init_follows_no_link_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "app").mkdir()
    (tmp_path / "app/.github").symlink_to(tmp_path / "elsewhere")
    ended = run("init", tmp_path / "app")
    assert ended.code == 2
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_init_shows_and_writes_nothing_on_a_dry_run(tmp_path: Path) -> None:
    write(tmp_path, {".gitlab-ci.yml": "stages: [test]\n"})
    shown = run("init", tmp_path, "--dry-run")
    assert "would write .gitlab-ci.backend-audit.yml" in shown.out
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitlab-ci.yml"]
    job = _yaml(shown.out.split("would write .gitlab-ci.backend-audit.yml:\n")[1].split("would write")[0])
    assert job["backend-audit"]["artifacts"]["reports"]["sast"] == "gl-sast-report.json"


def test_the_action_hands_inputs_over_by_the_environment_only() -> None:
    action = _yaml((ROOT / "action.yml").read_text("utf-8"))
    steps = action["runs"]["steps"]
    assert action["runs"]["using"] == "composite"
    for step in steps:
        if "run" in step:
            assert step["shell"] == "sh"
            assert "${{" not in step["run"]
    assert "ci/scan.sh" in next(step for step in steps if step.get("id") == "scan")["run"]
    assert set(action["outputs"]) == {"exit-code", "reports"}


@pytest.mark.parametrize("name", ["ci/gitlab.yml", ".pre-commit-hooks.yaml", "action.yml"])
def test_what_other_tools_read_is_valid_yaml(name: str) -> None:
    assert _yaml((ROOT / name).read_text("utf-8"))


def _script(tmp_path: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """The script of the pipelines, as a pipeline starts it."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    tool = programs / "backend-audit"
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m auditor "$@"\n', "utf-8")
    tool.chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:/usr/bin:/bin", **more}
    return subprocess.run(
        ["sh", ROOT / "ci/scan.sh"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_script_of_the_pipelines(tmp_path: Path) -> None:
    write(tmp_path, {"app/a.ts": "import { sign } from 'jsonwebtoken'\nsign({}, 'correct-horse-battery')\n"})
    summary, outputs = tmp_path / "summary.md", tmp_path / "outputs.txt"
    given = {
        "AUDIT_PATH": "app", "AUDIT_ARGS": "--offline --only code --exclude *.nothing", "AUDIT_REPORTS": "out dir",
        "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(outputs),
    }  # fmt: skip
    ended = _script(tmp_path, **given)
    assert ended.returncode == 1, ended.stderr
    assert "backend-audit" in summary.read_text("utf-8")
    assert "exit-code=1" in outputs.read_text("utf-8").splitlines()
    written = {path.name for path in (tmp_path / "out dir").iterdir()}
    assert {"backend-audit.sarif", "backend-audit.html", "gl-sast-report.json"} <= written
    assert json.loads((tmp_path / "out dir/backend-audit.json").read_text("utf-8"))["gate"]["exit_code"] == 1
    assert _script(tmp_path, **given, AUDIT_SOFT="true").returncode == 0
    assert _script(tmp_path, **given | {"AUDIT_ARGS": "--no-such-option"}, AUDIT_SOFT="true").returncode == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_the_command(shell: str) -> None:
    shown = run("completion", shell)
    assert shown.code == 0
    assert "_BACKEND_AUDIT_COMPLETE" in shown.out


def test_completion_completes() -> None:
    environment = {
        **os.environ,
        "_BACKEND_AUDIT_COMPLETE": "bash_complete",
        "COMP_WORDS": "backend-audit sc",
        "COMP_CWORD": "1",
    }
    program = "import sys; sys.argv[0] = 'backend-audit'; from auditor.cli.main import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert "plain,scan" in ended.stdout
