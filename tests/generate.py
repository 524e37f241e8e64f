"""Writes what is derived from the code, or (`--check`) says what is out of date."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from click.testing import CliRunner

from auditor.cli.main import commands
from auditor.report import Report
from auditor.rulebook import load_rulebook

ROOT = Path(__file__).resolve().parent.parent


def schema() -> str:
    return json.dumps(Report.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def rule_index() -> str:
    rows = [
        f"| [`{page.id}`](rules/{page.kind.value}/{page.id}.md) | {page.severity.value} | {page.title} |"
        for page in load_rulebook().pages
    ]
    return "\n".join(["| rule | severity | what it finds |", "|---|---|---|", *rows])


def help_text() -> str:
    answer = CliRunner().invoke(commands, ["scan", "--help"], prog_name="backend-audit", terminal_width=100)
    return f"```\n{answer.output.strip()}\n```"


def readme(text: str) -> str:
    """The README with its generated parts renewed."""
    for name, part in (("rules", rule_index()), ("help", help_text())):
        pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        text = pattern.sub(lambda match, part=part: f"{match[1]}{part}{match[2]}", text)  # type: ignore[misc]
    return text


def generated() -> dict[Path, str]:
    page = ROOT / "README.md"
    return {ROOT / "reports" / "report.schema.json": schema(), page: readme(page.read_text("utf-8"))}


def main() -> int:
    stale = [path for path, text in generated().items() if not path.is_file() or path.read_text("utf-8") != text]
    if "--check" in sys.argv:
        for path in stale:
            sys.stderr.write(f"out of date: {path.relative_to(ROOT)} (make generate)\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(generated()[path], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
