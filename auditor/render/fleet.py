"""A fleet's ranking, as text, JSON or one HTML file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from auditor.data import data_folder
from auditor.render.safe_text import one_line, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.sources.fleet_store import Result

FORMATS = ("text", "json", "html")
_SEVERITIES = ("critical", "high", "medium", "low")


def render(form: str, results: Sequence[Result]) -> str:
    """`results` are ranked, the worst first."""
    return {"text": _text, "json": _json, "html": _html}[form](results)


def _rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    return [
        {
            "repository": result.key.repository,
            "commit": result.commit,
            "grade": result.grade,
            "score": result.score,
            "findings": {name: result.summary.get("findings", {}).get(name, 0) for name in _SEVERITIES},
            "failed_controls": [n for n, v in result.summary.get("controls", {}).items() if v == "fail"],
            "unknown_controls": [n for n, v in result.summary.get("controls", {}).items() if v == "unknown"],
            "exit_code": result.exit_code,
            "reason": result.reason,
            "seconds": result.seconds,
            "finished": result.finished,
            "tool": result.key.tool,
        }
        for result in results
    ]


def _text(results: Sequence[Result]) -> str:
    width = max((len(one_line(result.key.repository)) for result in results), default=0)
    lines = [f"{'repository':<{width}}  grade  score  crit  high  med   low  seconds"]
    for row in _rows(results):
        counts = "  ".join(f"{row['findings'][name]:>4}" for name in _SEVERITIES)
        score = "-" if row["score"] is None else f"{row['score']:.0f}"
        said = f"  {one_line(row['reason'])}" if row["score"] is None else ""
        name = one_line(row["repository"])
        lines.append(f"{name:<{width}}  {row['grade'] or '-':>5}  {score:>5}  {counts}  {row['seconds']:>7.1f}{said}")
    return "\n".join(lines) + "\n"


def _json(results: Sequence[Result]) -> str:
    return json.dumps({"repositories": _rows(results)}, indent=2, ensure_ascii=False) + "\n"


def _html(results: Sequence[Result]) -> str:
    loader = FileSystemLoader(data_folder("reports") / "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["visible"] = visible
    return environment.get_template("fleet.html").render(rows=_rows(results), severities=_SEVERITIES)
