"""What one would run instead: semgrep's command line with our rules, and scanners of one language or one subject."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

from auditor.facts.semgrep_rules import read_rules
from auditor.rulebook import load_rulebook

FOLDER = Path(__file__).parents[2] / ".venv-bench"  # beside ours, so that nothing of theirs is imported here
_MOST_FILES = 200  # on one command line


def install() -> Path | None:
    """An environment with the other tools, made at the first run; None, and said why, where they cannot be had."""
    programs = FOLDER / "bin"
    wanted = [f"semgrep=={importlib.metadata.version('semgrep')}", "bandit", "detect-secrets", "squawk-cli"]
    try:
        if not (programs / "python").exists():
            subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True, capture_output=True)
        command = [str(programs / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted]
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        print(f"the other tools could not be installed: {str(error.stderr or error).strip()[-200:]}", file=sys.stderr)
        return None
    return programs


def commands(programs: Path, root: Path, folder: Path) -> dict[str, list[str]]:
    """The command of each tool that has something to look at in `root`; `folder` is for the rules."""
    found = {
        "semgrep": [
            "semgrep", "scan", "--config", str(_rules(folder)), "--metrics", "off", "--disable-version-check",
            "--quiet", "--json", str(root),
        ],
        # Of a folder that is not the one it stands in, it finds nothing.
        "detect-secrets": ["detect-secrets", "-C", str(root), "scan", "--all-files"],
    }  # fmt: skip
    if any(root.rglob("*.py")):
        found["bandit"] = ["bandit", "-q", "-r", str(root)]
    if migrations := sorted(root.rglob("migrations/**/*.sql"))[:_MOST_FILES]:
        found["squawk"] = ["squawk", *map(str, migrations)]
    return {
        name: [str(programs / command[0]), *command[1:]]
        for name, command in found.items()
        if (programs / command[0]).exists()
    }


def _rules(folder: Path) -> Path:
    """All of our semgrep rules in one file, as the command line reads them."""
    file = folder / "rules.json"
    parts = [read_rules(page.id, page.yaml.read_text("utf-8")) for page in load_rulebook().pages if page.yaml]
    listed = [
        {"severity": "ERROR", **rule.definition, "id": rule.id, "message": rule.message}
        for part in parts
        for rule in part
        if not rule.followed  # those are asked of this tool's own engine, and have no patterns
    ]
    file.write_text(json.dumps({"rules": listed}), "utf-8")
    return file
