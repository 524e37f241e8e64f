"""The samples of every format: each is read by something that is not ours, and their generator runs."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from jsonschema import Draft4Validator, Draft202012Validator  # type: ignore[import-untyped]
from markdown_it import MarkdownIt

from auditor.cli.outputs import FORMATS
from auditor.report import Report
from tests.samples import FIXTURES, ROOT, SAMPLES, file_of, write_samples

DATA = Path(__file__).parent / "data"
SMALL = 400_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the generator makes of a scan that takes no server."""
    folder = tmp_path_factory.mktemp("samples")
    write_samples("leaky", folder, "--quick", "--only", "empty-catch", "--only", "dependency")
    return folder


@pytest.fixture(params=[*FIXTURES, "made now"])
def folder(request: pytest.FixtureRequest, small: Path) -> Path:
    return small if request.param == "made now" else SAMPLES / request.param


def text(folder: Path, form: str) -> str:
    return (folder / file_of(form)).read_text("utf-8")


def report_in(folder: Path) -> Report:
    return Report.model_validate_json(text(folder, "json"))


def open_count(folder: Path) -> int:
    return sum(finding.status == "open" for finding in report_in(folder).findings)


def test_every_format_is_there(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {*(file_of(form) for form in FORMATS), "terminal.txt"}


def test_nothing_of_the_machine_or_the_day_is_in_them(folder: Path) -> None:
    report = report_in(folder)
    assert (report.tool.version, report.target.commit) == ("0", None)
    assert {note.seconds for note in report.evidence} == {0.0}
    for path in folder.iterdir():
        content = path.read_text("utf-8")
        assert str(ROOT) not in content, path.name


def test_the_json_keeps_to_its_schema(folder: Path) -> None:
    schema: dict[str, Any] = json.loads((ROOT / "reports" / "report.schema.json").read_text("utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(json.loads(text(folder, "json")))] == []


def test_the_sarif_keeps_to_its_schema(folder: Path) -> None:
    schema = json.loads((DATA / "sarif-2.1.0.schema.json").read_text("utf-8"))
    log = json.loads(text(folder, "sarif"))
    assert [error.message for error in Draft4Validator(schema).iter_errors(log)] == []
    assert len(log["runs"][0]["results"]) == len(report_in(folder).findings)


def test_the_list_of_packages_keeps_to_its_schema(folder: Path) -> None:
    bom = text(folder, "cyclonedx")
    version = SchemaVersion.from_version(json.loads(bom)["specVersion"])
    assert JsonStrictValidator(version).validate_str(bom) is None
    assert json.loads(bom)["components"]


def test_the_others_hold_every_open_finding(folder: Path) -> None:
    count = open_count(folder)
    assert len(list(csv.DictReader(io.StringIO(text(folder, "csv"))))) == len(report_in(folder).findings)
    assert len(json.loads(text(folder, "gitlab-codequality"))) == count
    assert len(json.loads(text(folder, "gitlab-sast"))["vulnerabilities"]) == count
    root = ET.fromstring(text(folder, "junit"))  # noqa: S314 - written by us
    assert (root.find("testsuite/testcase/failure") is not None) == bool(count)
    assert len(re.findall(r'<details class="finding"[^>]* data-is="open', text(folder, "html"))) == count
    assert len(text(folder, "github").splitlines()) == min(count, 50) + (count > 50) + 1
    assert MarkdownIt().enable("table").render(text(folder, "markdown")).count("<table>") == 1 + bool(count)


def test_the_terminal_s_text_is_one_screen_without_colour(folder: Path) -> None:
    shown = (folder / "terminal.txt").read_text("utf-8")
    assert "\x1b" not in shown
    assert len(shown.splitlines()) <= 40
    assert max(map(len, shown.splitlines())) <= 100


def test_the_samples_show_what_the_fixtures_are_for() -> None:
    leaky, sound = (report_in(SAMPLES / name) for name in FIXTURES)
    assert leaky.score.grade == "F"
    assert any(finding.proof for finding in leaky.findings)
    assert leaky.access
    assert leaky.endpoints
    assert sound.score.grade == "A"
    assert not sound.findings


def test_the_picture_of_the_readme_is_small() -> None:
    place = SAMPLES / "leaky.png"
    assert place.read_bytes().startswith(b"\x89PNG")
    assert place.stat().st_size < SMALL
    assert f"({place.relative_to(ROOT)})" in (ROOT / "README.md").read_text("utf-8")
