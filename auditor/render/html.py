"""The HTML report: one file that loads nothing, reads without JavaScript and prints in full.

Every expression of the templates is escaped (autoescape) and neutralised (finalize), so that no template can
forget it. Style and script are inline blocks which the content security policy names by their hash.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from auditor.data import data_folder
from auditor.render import labels
from auditor.render.change_words import change_mark
from auditor.render.html_access import ENDPOINT_CONTROLS, cell_of_endpoint, matrices, matrices_of
from auditor.render.html_changes import changes_view
from auditor.render.html_view import (
    fact_words,
    jump_links,
    not_checked_groups,
    paths_of,
    rule_groups,
    sections,
    subjects_of,
    verdict_counts,
)
from auditor.render.markdown import Markdown
from auditor.render.safe_text import clip, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from auditor.report import AccessCell, AccessSetup, Report, RuleResult
    from auditor.rulebook import Rulebook

_GRADE_TONES = {"A": "good", "B": "good", "C": "warn", "D": "warn"}
_BANDS = (("F", 0, 50), ("D", 50, 70), ("C", 70, 80), ("B", 80, 90), ("A", 90, 100))
_EVIDENCE_MARKS = {
    "available": labels.Mark("✓", "available", "good"),
    "partial": labels.Mark("◐", "partial", "warn"),
    "unavailable": labels.Mark("?", "unavailable", "open"),
}


def render(report: Report, rulebook: Rulebook) -> str:
    folder = data_folder("reports") / "templates"
    template = _environment(folder).get_template("report.html.jinja")
    return template.render(_view(report, rulebook) | _inline_blocks(folder)) + "\n"


def render_access(
    cells: Sequence[AccessCell], lost: Mapping[str, str], tool: str, setups: Sequence[AccessSetup] = ()
) -> str:
    """The access matrix as a page of its own, which needs no script."""
    folder = data_folder("reports") / "templates"
    view = {"matrices": matrices_of(cells, setups), "lost": lost, "tool": tool} | _inline_blocks(folder)
    return _environment(folder).get_template("access.html.jinja").render(view) + "\n"


def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_neutral,
    )
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    environment.globals |= {
        "clip": clip,
        "counted": labels.counted,
        "number": labels.number,
        "formula": labels.formula,
        "place": labels.place,
        "figures": labels.figures,
        "cap_sentence": labels.cap_sentence,
        "markdown": Markdown().render,
        "verdicts": labels.VERDICTS,
        "fact_words": fact_words,
        "paths_of": paths_of,
        "subjects_of": subjects_of,
        "endpoint_cell": cell_of_endpoint,
        "change_mark": change_mark,
    }
    return environment


def _neutral(value: object) -> object:
    """Spell out acting characters in every text but those that a template has already built."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _inline_blocks(folder: Path) -> dict[str, object]:
    blocks = {"css": folder / "report.css", "js": folder / "report.js"}
    texts = {name: path.read_text("utf-8") for name, path in blocks.items()}
    hashes: dict[str, object] = {f"{name}_hash": _csp_hash(text) for name, text in texts.items()}
    return hashes | {name: Markup(text) for name, text in texts.items()}  # noqa: S704 - our own files


def _csp_hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _view(report: Report, rulebook: Rulebook) -> dict[str, object]:
    return _summary(report) | _lists(report, rulebook)


def _summary(report: Report) -> dict[str, object]:
    score = report.score
    return {
        **changes_view(report),
        "report": report,
        "commit": report.target.commit,
        "grade": labels.grade_words(score),
        "grade_tone": _GRADE_TONES.get(score.grade or "", "bad"),
        "score_sentence": labels.score_sentence(report),
        "coverage": labels.coverage_words(score),
        "sums": labels.arithmetic(score),
        "bands": _BANDS,
        "verdict_counts": verdict_counts(report),
        "severity_counts": labels.severity_counts(labels.open_findings(report)),
        "evidence_marks": _EVIDENCE_MARKS,
        "control_titles": {control.id: control.title for control in report.controls},
    }


def _lists(report: Report, rulebook: Rulebook) -> dict[str, object]:
    found = labels.open_findings(report)
    accepted = labels.by_severity(finding for finding in report.findings if finding.status != "open")
    return {
        "core": [control for control in report.controls if not control.extended],
        "extended": [control for control in report.controls if control.extended],
        "links": jump_links(report),
        "sections": sections(report),
        "open_groups": rule_groups(found, report, rulebook),
        "open_count": len(found),
        "accepted_groups": rule_groups(accepted, report, rulebook),
        "accepted_count": len(accepted),
        "unchecked": not_checked_groups(report, rulebook),
        "passed": _with_outcome(report, "pass"),
        "not_applicable": _with_outcome(report, "not_applicable"),
        "not_asked": _with_outcome(report, "not_asked"),
        "matrices": matrices(report),
        "endpoint_controls": ENDPOINT_CONTROLS,
    }


def _with_outcome(report: Report, outcome: str) -> list[RuleResult]:
    return [rule for rule in report.rules if rule.outcome == outcome]
