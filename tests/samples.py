"""Writes `reports/samples`: both fixtures in every format, the terminal's text, and the picture of the README.

What differs from one machine or day to the next is blanked: commit, versions, seconds and times. `make samples` writes
them anew, when a format or a fixture has changed; a test reads them and runs this on a smaller scan.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from auditor.cli.formats import render
from auditor.cli.outputs import FORMATS
from auditor.render import terminal
from auditor.report import Report
from auditor.rulebook import load_rulebook
from tests.browser import CHROMIUM, browser
from tests.running import git, run

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ("leaky", "sound")
SAMPLES = ROOT / "reports" / "samples"
_ENDINGS = {"junit": "xml", "markdown": "md", "github": "txt", "csv": "csv", "html": "html"}
_DAY = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
_TIME = "2026-01-01T00:00:00"


def file_of(form: str) -> str:
    """`report.html`, `report.sarif.json`, `report.csv` …: the name says the format."""
    if form == "json":
        return "report.json"
    ending = _ENDINGS.get(form)
    return f"report.{ending}" if form == ending else f"report.{form}.{ending or 'json'}"


def write_samples(fixture: str, folder: Path, *flags: str) -> None:
    """One fixture in every format, as a repository of its own: nothing of this one's history shows."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        copy = _copied(ROOT / "fixtures" / fixture, Path(place) / fixture)
        found, packages = Path(place, "report.json"), Path(place, "packages.json")
        outputs = ("-o", f"json={found}", "-o", f"cyclonedx={packages}")
        answer = run("scan", copy, "--offline", "--no-cache", "-q", *flags, *outputs)
        assert found.is_file(), answer.err
        report = blanked(Report.model_validate_json(found.read_bytes()))
        bom = json.loads(packages.read_text("utf-8"))
    texts = _rendered(report) | {"cyclonedx": json.dumps(_blanked_bom(bom), indent=2, ensure_ascii=False) + "\n"}
    for form, text in texts.items():
        (folder / file_of(form)).write_text(text, "utf-8", errors="backslashreplace")
    (folder / "terminal.txt").write_text(_terminal(report), "utf-8")


def _rendered(report: Report) -> dict[str, str]:
    book = load_rulebook()
    return {form: _timeless(render(form, report, book)) for form in FORMATS if form != "cyclonedx"}


def _blanked_bom(bom: dict[str, Any]) -> dict[str, Any]:
    for tool in bom["metadata"]["tools"]["components"]:
        tool["version"] = "0"
    bom["metadata"]["component"].pop("version", None)
    return bom


def _copied(fixture: Path, place: Path) -> Path:
    names = git(ROOT, "ls-files", "--", str(fixture)).splitlines()
    for name in names:
        target = place / (ROOT / name).relative_to(fixture)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    git(place, "init", "-q", ".")
    git(place, "add", "-A", "-f")
    git(place, "commit", "-q", "-m", "fixture", environment=_DAY)
    return place


def blanked(report: Report) -> Report:
    """The report without what is of one run, one day or one set of installed versions."""
    notes = [
        note.model_copy(
            update={"seconds": 0.0, "facts": {name: value for name, value in note.facts.items() if name != "version"}}
        )
        for note in report.evidence
    ]
    return report.model_copy(
        update={
            "tool": report.tool.model_copy(update={"version": "0"}),
            "target": report.target.model_copy(update={"commit": None, "prefix": ""}),
            "evidence": notes,
        }
    )


def _timeless(text: str) -> str:
    return re.sub(r"(?<=_time\": \")[\d:T-]+", _TIME, text)


def _terminal(report: Report) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    terminal.render(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def picture(page: Path, place: Path) -> None:
    """The first screen of a report, as the README shows it."""
    with browser() as tab:
        tab.resize(1280, 1000)
        tab.emulate(prefers_color_scheme="light")
        tab.open(page.as_uri())
        place.write_bytes(tab.screenshot())


def main() -> None:
    for fixture in FIXTURES:
        write_samples(fixture, SAMPLES / fixture)
    if CHROMIUM:
        picture(SAMPLES / "leaky" / file_of("html"), SAMPLES / "leaky.png")


if __name__ == "__main__":
    main()
