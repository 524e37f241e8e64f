"""A framework's view of a report, as text, Markdown or JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from auditor.frameworks import load_framework, view
from auditor.render.safe_text import one_line

if TYPE_CHECKING:
    from auditor.frameworks import Row, View
    from auditor.report import Report
    from auditor.rulebook import Rulebook

FORMATS = ("text", "markdown", "json")
_CAUTION = "Evidence from one scan of code and database; it is no statement of compliance."


def render(name: str, report: Report, book: Rulebook, form: str = "text") -> str:
    """The requirements of one framework with what the report's verdicts say on them."""
    found = view(load_framework(name, book), {control.id: control.verdict for control in report.controls})
    return {"text": _text, "markdown": _markdown, "json": _json}[form](found)


def _summary(found: View) -> str:
    share = f" ({found.known / found.applicable:.0%})" if found.applicable else ""
    return f"{found.known} of {found.applicable} requirements with evidence{share}"


def _why(row: Row) -> str:
    return ", ".join(f"{control} {verdict.value.replace('_', ' ')}" for control, verdict in row.verdicts.items())


def _text(found: View) -> str:
    framework = found.framework
    width = max(len(row.requirement.id) for row in found.rows)
    lines = [f"{framework.title}: {_summary(found)}", f"{_CAUTION} {framework.note}", ""]
    for row in found.rows:
        lines.append(f"{row.requirement.id:<{width}}  {row.state:<16}  {one_line(row.requirement.says)}")
        lines.append(f"{'':<{width}}  {'':<16}  {_why(row)}")
    if framework.manual:
        lines += ["", "Stays with people:"]
        lines += [f"{item.id:<{width}}  {item.says}" for item in framework.manual]
    return "\n".join(lines) + "\n"


def _markdown(found: View) -> str:
    framework = found.framework
    lines = [f"## {framework.title}", "", f"{_summary(found)}. {_CAUTION} {framework.note}", ""]
    lines += ["| requirement | evidence | it asks | rests on |", "|---|---|---|---|"]
    lines += [f"| {row.requirement.id} | {row.state} | {row.requirement.says} | {_why(row)} |" for row in found.rows]
    if framework.manual:
        lines += ["", "Stays with people:", ""]
        lines += [f"- **{item.id}** {item.says}" for item in framework.manual]
    return "\n".join(lines) + "\n"


def _json(found: View) -> str:
    rows: list[dict[str, Any]] = [
        {"id": row.requirement.id, "says": row.requirement.says, "state": row.state, "controls": row.verdicts}
        for row in found.rows
    ]
    manual = [{"id": item.id, "says": item.says} for item in found.framework.manual]
    shown = {
        "framework": found.framework.id, "title": found.framework.title, "note": found.framework.note,
        "known": found.known, "applicable": found.applicable, "requirements": rows, "manual": manual,
    }  # fmt: skip
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"
