"""What changed, in every report: said once, in words that nobody can forge."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from auditor.model import Severity
from auditor.render import comment, html, sarif, terminal
from auditor.report import Report
from auditor.report_past import BaselineNote, Comparison, Location, PastFinding, Recurring, Trend, TrendPoint, Weakening
from tests.render_samples import HOSTILE, sample_report, sample_rulebook

if TYPE_CHECKING:
    from pathlib import Path

GONE = PastFinding(rule="rls-disabled", severity=Severity.HIGH, subject=HOSTILE, path="a.sql", fingerprint="f")


@pytest.fixture(scope="module")
def report() -> Report:
    found = sample_report()
    marks = ["new", "worse", "returned", "moved", "unchanged"]
    findings = [
        finding.model_copy(update={"change": marks[number % 5], "change_reason": f"because {HOSTILE}"})
        for number, finding in enumerate(found.findings)
    ]
    weakening = Weakening(detail=f"a note {HOSTILE}", location=Location(path="a.ts", line=3))
    comparison = Comparison(
        ref="main", commit="0123456789", new=4, worse=1, returned=1, moved=2, unchanged=3,
        fixed=[GONE], unsettled=[GONE], not_compared=[], weakened=[weakening],
    )  # fmt: skip
    point = TrendPoint(time="2026-01-02T03:04:05", commit=None, score_min=20, score_max=40, grade=None, findings={})
    return found.model_copy(
        update={
            "findings": findings,
            "comparison": comparison,
            "baseline": BaselineNote(path="b.json", entries=3, matched=1, stale=[GONE, GONE]),
            "trend": Trend(points=[point, point], recurring=[Recurring(rule="empty-catch", times=4)]),
            "gate": found.gate.model_copy(update={"notes": [f"x.toml:1: {HOSTILE}"]}),
        }
    )


def _terminal(report: Report, *, verbose: bool = False) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    terminal.render(report, console, verbose=verbose)
    stream = console.file
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


def test_the_terminal_says_it_in_a_few_lines(report: Report) -> None:
    text = " ".join(_terminal(report).split())
    assert "since main (0123456): 4 new" in text
    assert "1 fixed" in text
    assert "1 not known" in text
    assert "this change weakens the audit: a note" in text
    assert "baseline b.json: 1 finding set aside for the gate, and still in the score; 2 entries match nothing" in text
    assert "score 20 →" in text
    assert "recurring: empty-catch (4 times)" in text
    assert "note: x.toml:1:" in text
    for shown in (_terminal(report), _terminal(report, verbose=True)):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert "came back: because" in _terminal(report, verbose=True)


def test_what_is_new_comes_first(report: Report) -> None:
    rows = re.findall(r"^  (?:critical|high|medium|low|info) +\S+  (.*)$", _terminal(report), re.MULTILINE)
    fresh = [row.startswith(("new:", "worse:", "came back:")) for row in rows]
    assert fresh == sorted(fresh, reverse=True)
    assert fresh[0]


def test_the_comment_says_it_before_the_checklist(report: Report) -> None:
    text = comment.render(report)
    assert text.index("since main") < text.index("| Control |")
    assert "**This change weakens the audit:** a note" in text
    assert "**new** " in text
    assert "<summary>Fixed since main (1)</summary>" in text
    assert "<script>" not in text


def test_the_page_shows_it_with_the_trend(report: Report, tmp_path: Path) -> None:
    page = html.render(report, sample_rulebook(tmp_path))
    assert "<script>alert" not in page
    assert "This change weakens the audit" in page
    assert "Fixed since main (1)" in page
    assert "Open at main, not known now (1)" in page
    assert "Entries of the baseline that match nothing any more (2)" in page
    assert page.count('class="trend-dot"') == 3
    assert 'data-is="open,new"' in page
    assert "because" in page


def test_a_scan_that_is_compared_with_nothing_says_nothing_of_it(tmp_path: Path) -> None:
    plain = sample_report()
    page = html.render(plain, sample_rulebook(tmp_path))
    assert 'class="changes"' not in page
    assert 'data-is="open"' in page
    assert "since " not in comment.render(plain).split("### Findings")[0]


def test_sarif_carries_the_state(report: Report, tmp_path: Path) -> None:
    results = json.loads(sarif.render(report, sample_rulebook(tmp_path)))["runs"][0]["results"]
    assert {result.get("baselineState") for result in results} <= {"new", "updated", "unchanged"}
    assert [result for result in results if result.get("baselineState") == "new"]


def test_the_report_reads_back(report: Report) -> None:
    assert Report.model_validate_json(report.model_dump_json()) == report
