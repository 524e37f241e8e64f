"""The terminal report: one screen by default, everything with `verbose`.

Every line is assembled from plain parts, never from markup, so that nothing which the repository says is an
instruction to the terminal.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.cells import cell_len

from auditor.model import Verdict
from auditor.render import change_words, labels
from auditor.render.screen import SEVERITY_STYLES, TONES, Screen
from auditor.render.terminal_detail import write_findings, write_not_checked, write_score

if TYPE_CHECKING:
    from rich.console import Console

    from auditor.report import ControlResult, Finding, Report

_SCREEN = 40
_TOP, _FEWEST = 5, 3
# Lines that are neither controls nor findings: heads, blank lines, the counts and the gate.
_OTHER = 10
_FOLDED = {Verdict.NOT_ASKED, Verdict.NOT_APPLICABLE}


def render(report: Report, console: Console, *, verbose: bool = False, explain_score: bool = False) -> None:
    screen = Screen(console)
    _headline(report, screen)
    used = _checklist(report, screen, fold=not verbose)
    if explain_score:
        write_score(report, screen)
    if verbose:
        write_findings(report, screen)
        write_not_checked(report, screen)
    else:
        _top_findings(report, screen, _SCREEN - _OTHER - used - len(_compared(report)))
        _not_checked_line(report, screen)
    for text, tone in _compared(report):
        screen.line((text, TONES[tone]))
    _gate(report, screen)


def _compared(report: Report) -> list[tuple[str, str]]:
    """What the scan was compared with, and what loosens it: a line each."""
    lines = [(text, "mute") for text in change_words.sentences(report)]
    weakened = change_words.weakened_sentence(report.comparison)
    lines += [(weakened, "warn")] if weakened else []
    return lines + [(f"note: {text}", "warn") for text in report.gate.notes]


def _headline(report: Report, screen: Screen) -> None:
    score = report.score
    tone = {"A": "good", "B": "good", "C": "warn", "D": "warn"}.get(score.grade or "", "bad")
    screen.line(
        (labels.grade_words(score), f"bold {TONES[tone]}"),
        (" · ", "dim"),
        (f"score {labels.score_sentence(report)}", "bold"),
        (" · ", "dim"),
        (f"coverage {labels.coverage_words(score)}", ""),
    )
    if score.caps:
        screen.line((labels.cap_sentence(score.caps[0]), "dim"), fit="cut")
    screen.blank()


def _checklist(report: Report, screen: Screen, *, fold: bool) -> int:
    """Write the controls and count the lines; `fold` gathers the silent ones of the extended part."""
    width = max((cell_len(control.title) for control in report.controls), default=0)
    core = [control for control in report.controls if not control.extended]
    extended = [control for control in report.controls if control.extended]
    shown = [control for control in extended if not (fold and control.verdict in _FOLDED)]
    for control in core:
        _control(control, screen, width)
    if extended:
        screen.line(("extended ", "dim"), ("─" * max(0, screen.width - 9), "dim"), fit="cut")
    for control in shown:
        _control(control, screen, width)
    folded = [control for control in extended if control not in shown]
    return len(core) + len(shown) + bool(extended) + _folded(folded, screen)


def _control(control: ControlResult, screen: Screen, width: int) -> None:
    mark = labels.VERDICTS[control.verdict]
    screen.line(
        (f"{mark.symbol} {mark.word:<14} ", TONES[mark.tone]),
        (f"{control.title:<{width}}  ", "dim" if mark.tone == "mute" else ""),
        (labels.figures(control), "dim"),
        fit="cut",
    )


def _folded(controls: list[ControlResult], screen: Screen) -> int:
    lines = 0
    for verdict in (Verdict.NOT_APPLICABLE, Verdict.NOT_ASKED):
        titles = [control.title for control in controls if control.verdict is verdict]
        if titles:
            mark = labels.VERDICTS[verdict]
            screen.line((f"{mark.symbol} {mark.word:<14} {', '.join(titles)}", TONES[mark.tone]), fit="cut")
            lines += 1
    return lines


def _top_findings(report: Report, screen: Screen, room: int) -> None:
    """Write the most severe findings, two lines each at most, as many as the screen has room for."""
    found = labels.open_findings(report)
    screen.blank()
    screen.line(*_findings_head(report, found), fit="cut")
    count = max(_FEWEST, min(_TOP, room // 2))
    # Where the scan is compared with another revision, what is new comes first.
    ranked = sorted(_varied(found), key=change_words.is_fresh, reverse=True) if report.comparison else _varied(found)
    for finding in ranked[:count]:
        _brief(finding, screen)
    if rest := len(found) - count:
        more = f"… and {rest} more: " if rest > 0 else ""
        screen.line((f"  {more}-v shows all, -o html=FILE writes them with evidence", "dim"), fit="cut")


def _varied(found: list[Finding]) -> list[Finding]:
    """The most severe first, and among those each rule once before any twice: one fault must not hide the others."""
    seen: Counter[tuple[str, str]] = Counter()
    ranked = []
    for finding in found:
        seen[finding.severity, finding.rule] += 1
        ranked.append((-finding.severity.rank, seen[finding.severity, finding.rule], finding))
    return [finding for *_, finding in sorted(ranked, key=lambda item: item[:2])]


def _findings_head(report: Report, found: list[Finding]) -> list[tuple[str, str]]:
    counts = ", ".join(f"{count} {severity.value}" for severity, count in labels.severity_counts(found))
    set_aside = [
        f"{count} {status}"
        for status in ("accepted", "baselined")
        if (count := sum(finding.status == status for finding in report.findings))
    ]
    figures = "; ".join([counts, *set_aside] if counts else set_aside)
    return [(labels.counted(len(found), "open finding"), "bold"), (f" ({figures})" if figures else "", "")]


def _brief(finding: Finding, screen: Screen) -> None:
    head = [
        (f"  {finding.severity.value:<8} ", SEVERITY_STYLES[finding.severity]),
        (f"{finding.rule}  ", "bold"),
        (f"{mark}: " if (mark := change_words.change_mark(finding)) else "", TONES["warn"]),
        (finding.subject, ""),
    ]
    where = labels.place(finding)
    length = sum(cell_len(text) for text, _ in head) + cell_len(where) + 2
    if not where or length <= screen.width:
        screen.line(*head, (f"  {where}", "dim"), fit="cut")
        return
    screen.line(*head, fit="cut")
    screen.line((f"{'':11}{where}", "dim"), fit="keep")


def _not_checked_line(report: Report, screen: Screen) -> None:
    if not report.not_checked:
        return
    reason, count = labels.commonest_reason(report.not_checked)
    total = labels.counted(len(report.not_checked), "subject")
    why = f"most often ({count}): {reason}" if count < len(report.not_checked) else reason
    screen.line((f"Not checked: {total}; ", TONES["open"]), (why, "dim"), fit="cut")


def _gate(report: Report, screen: Screen) -> None:
    passed = report.gate.exit_code == 0
    symbol, style = ("✓", TONES["good"]) if passed else ("✗", TONES["bad"])
    screen.line((f"{symbol} ", style), (report.gate.reason, "bold"))
