"""`history`: what the scans of a folder came to, one after another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.model import UsageError

if TYPE_CHECKING:
    from auditor.sources.history import Scan


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many of the last scans.")
def history(path: Path, form: str, limit: int) -> int:
    """Show the earlier scans of PATH (default: this folder): score, findings, what recurs.

    Scans that came to the same are one line, at the time of the first.
    """
    from auditor.sources.history import HistoryError, read_scans

    if not path.is_dir():
        raise UsageError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")
    try:
        scans = read_scans(path.resolve())
    except HistoryError as error:
        raise UsageError(str(error)) from error
    if form == "json":
        click.echo(json.dumps(_data(scans, limit), indent=2))
    elif scans:
        _print(scans, limit)
    else:
        click.echo("backend-audit: no scan was kept here; `scan` keeps one, in CI with --history", err=True)
    return 0


def _data(scans: list[Scan], limit: int) -> dict[str, Any]:
    from auditor.trend import point_of, recurring

    points = [point_of(scan).model_dump(mode="json") | {"scope": scan.scope} for scan in scans[-limit:]]
    return {"scans": points, "recurring": [item.model_dump() for item in _of_each(scans, recurring)]}


def _of_each(scans: list[Scan], find: Any) -> list[Any]:  # noqa: ANN401 - a function of `trend`, imported late
    """What recurs among the scans of one scope: those of another looked at other things."""
    scopes = dict.fromkeys(scan.scope for scan in scans)
    return [item for scope in scopes for item in find([scan for scan in scans if scan.scope == scope])]


def _print(scans: list[Scan], limit: int) -> None:
    from rich.console import Console

    from auditor.render.screen import Screen
    from auditor.trend import point_of, recurring

    screen = Screen(Console(highlight=False))
    screen.line((f"{'time':<20}  {'commit':<8}  {'grade':<5}  {'score':>5}  open findings", "bold"))
    for scan in scans[-limit:]:
        point = point_of(scan)
        counts = ", ".join(f"{count} {severity.value}" for severity, count in point.findings.items()) or "none"
        commit = (point.commit or "")[:8]
        time = point.time[:19].replace("T", " ")
        scope = f"  [{scan.scope}]" if scan.scope else ""
        screen.line(
            (f"{time:<20}  {commit:<8}  {point.grade or '-':<5}  {int(point.score_min):>5}  {counts}", ""),
            (scope, "dim"),
            fit="cut",
        )
    for item in _of_each(scans, recurring):
        screen.line((f"recurring: {item.rule}, new in {item.times} scans", ""))
