from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from auditor.render import terminal
from auditor.render.safe_text import clip, one_line, visible
from tests.render_samples import hostile_report, many_findings, sample_report

if TYPE_CHECKING:
    from auditor.report import Report


def shown(  # the options of render, as text
    report: Report, *, width: int = 100, colour: bool = False, verbose: bool = False, explain: bool = False
) -> str:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, color_system="standard" if colour else None
    )
    terminal.render(report, console, verbose=verbose, explain_score=explain)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_default_is_one_screen(width: int) -> None:
    for report in (sample_report(), many_findings(500)):
        lines = shown(report, width=width).splitlines()
        assert 24 <= len(lines) <= 40
        assert max(len(line) for line in lines) <= width


def test_it_stays_one_screen_when_every_control_has_a_verdict() -> None:
    report = sample_report()
    failed = [control.model_copy(update={"verdict": "fail"}) for control in report.controls]
    assert len(shown(report.model_copy(update={"controls": failed})).splitlines()) <= 40


@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_terminal_keeps_titles_and_counts(width: int) -> None:
    for report in (sample_report(), many_findings(500)):
        lines = shown(report, width=width).splitlines()
        assert len(lines) <= 46
        assert max(len(line) for line in lines) <= width
    text = shown(sample_report(), width=width)
    assert re.search(r"^✗ Row level security on .* 3 of 14$", text, re.MULTILINE)
    assert re.search(r"^✓ Restrictive CORS +2 of 2$", text, re.MULTILINE)
    assert "critical rls-disabled\n    table public.api_keys" in text


def test_figures_that_do_not_fit_lose_their_tail_and_not_their_middle() -> None:
    report = sample_report()
    reason = "3 of 14 tables (rls-disabled), 2 of 9 policies (policy-always-true)"
    first = report.controls[0].model_copy(update={"reason": reason})
    changed = report.model_copy(update={"controls": [first, *report.controls[1:]]})
    assert re.search(r"3 of 14 tables …$", shown(changed, width=84), re.MULTILINE)
    assert reason in shown(changed, width=140)


def test_a_finding_without_a_place_is_told_by_its_fault() -> None:
    report = sample_report()
    found = [finding for finding in report.findings if finding.location is None]
    text = shown(report.model_copy(update={"findings": found}), width=160)
    assert f"{found[0].subject}  {found[0].detail}" in text


def test_a_fix_flows_and_keeps_its_lists() -> None:
    report = sample_report()
    fix = "Turn it on,\nand say who:\n\n1. `alter table`\n2. a policy"
    found = [report.findings[0].model_copy(update={"fix": fix})]
    text = shown(report.model_copy(update={"findings": found}), verbose=True)
    assert "    fix: Turn it on, and say who:\n\n    1. `alter table`\n    2. a policy\n" in text


def test_the_headline_says_grade_range_and_coverage() -> None:
    first = shown(sample_report()).splitlines()[0]
    assert first == "Grade F · score 21, up to 39 if the 2 unknown items pass · coverage 78 %"


def test_controls_stand_in_report_order_with_symbol_word_and_figures() -> None:
    text = shown(sample_report())
    assert re.search(r"^✗ fail +Row level security on all tables +3 of 14 tables$", text, re.MULTILINE)
    assert re.search(r"^✓ pass +Restrictive CORS +2 of 2 ok$", text, re.MULTILINE)
    for words in ("◐ partial", "? unknown", "◇ accepted", "– not applicable", "· not asked"):  # noqa: RUF001
        assert words in text
    core, _, extended = text.partition("extended ")
    titles = [control.title for control in sample_report().controls if not control.extended]
    assert [core.index(title) for title in titles] == sorted(core.index(title) for title in titles)
    assert "Tenants isolated" in extended


def test_the_worst_findings_come_first_and_the_rest_is_counted() -> None:
    text = shown(sample_report())
    assert text.index("table public.api_keys") < text.index("function public.f(uuid)")
    assert "… and 4 more: -v shows all, -o html=FILE writes them with evidence" in text
    assert "supabase/migrations/20250110090000_init.sql:42" in text
    assert "Not checked: 3 subjects" in text
    assert "most often (2): the middleware is chosen at run time" in text
    assert text.rstrip().endswith("The gate failed: 7 open findings of severity high or more.")


def test_a_clean_report_needs_no_findings() -> None:
    report = sample_report()
    gate = report.gate.model_copy(update={"exit_code": 0, "reason": "The gate passed."})
    text = shown(report.model_copy(update={"findings": [], "not_checked": [], "gate": gate}))
    assert "0 open findings" in text
    assert "-v shows all" not in text
    assert text.rstrip().endswith("✓ The gate passed.")


def test_verbose_shows_frames_fixes_proofs_and_what_was_not_checked() -> None:
    text = shown(sample_report(), verbose=True)
    assert "critical[rls-disabled] A table without row level security: table public.notes" in text
    assert "  --> supabase/migrations/20250110090000_init.sql:42\n" in text
    assert "41  |   -- who may read it" in text
    assert "42  | > create table public.notes (" in text
    assert "fix: Turn it on" in text
    assert "      set local role anon;\n" in text
    assert "permission denied for table notes" in text
    assert "POST /api/invite  src/routes/invite.ts:5" in text
    assert "accepted: the proxy in front sets it" in text
    assert all(finding.detail in text for finding in sample_report().findings)


def test_the_score_is_explained_line_by_line() -> None:
    text = shown(sample_report(), explain=True)
    assert re.search(r"10 +0 +0  rls-on-all-tables", text)
    assert "least: 100 × 12.88 ÷ 67.5 = 19.07" in text  # noqa: RUF001
    assert "cap: grade F (at most 39): a critical control failed" in text
    assert "least:" not in shown(sample_report())


@pytest.mark.parametrize("verbose", [False, True])
def test_no_text_of_the_repository_acts_on_the_terminal(verbose: bool) -> None:
    text = shown(hostile_report(), verbose=verbose, width=200)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]x[/red] \\x1b[31mred\\x1b[0m U+202Etxt.exe" in text
    coloured = shown(hostile_report(), verbose=verbose, width=200, colour=True)
    assert "\x1b[31mred\x1b[0m \u202e" not in coloured
    assert "[red]x[/red]" in coloured


def test_no_color_leaves_words_and_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    terminal.render(sample_report(), console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", text)
    assert "✗ fail" in text


def test_an_ascii_terminal_gets_ascii() -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, "ascii"), width=80)
    terminal.render(hostile_report(), console, verbose=True, explain_score=True)
    console.file.flush()
    text = raw.getvalue().decode("ascii")
    assert "x fail           Row level security" in text
    assert max(len(line) for line in text.splitlines() if "Grade" not in line and "|" in line) <= 80


def test_acting_characters_are_spelt_out_and_plain_ones_kept() -> None:
    assert visible("a\x1b[0m\r\x9b\u2066\u2028\U000e0041\tb\nü") == ("a\\x1b[0m\\r\\x9bU+2066U+2028U+E0041\tb\nü")
    assert one_line("a\nb\tc") == "a\\nb c"
    assert clip("x" * 500, 10) == "x" * 10 + " … (490 more characters)"
