"""`baseline`: write down which findings are known, renew it, and see what it hides."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.model import UsageError

if TYPE_CHECKING:
    from auditor.baseline import Baseline
    from auditor.report import Finding, Report
    from auditor.report_past import PastFinding

_FILE = "backend-audit.baseline.json"
_PASSED_ON = {"ignore_unknown_options": True}


@click.group()
def baseline() -> None:
    """Set aside the findings that are there today, so that the gate looks at new ones only.

    They stay in the report and in the score. Other options are those of `scan`.
    """


@baseline.command(context_settings=_PASSED_ON)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[PATH] [SCAN-OPTIONS]...")
@click.option("--file", "place", metavar="FILE", help=f"Where to write it.  [default: {_FILE} in PATH]")
@click.option("--from", "source", metavar="JSON", help="Take the findings of this report and do not scan.")
@click.option("--force", is_flag=True, help="Replace a baseline that is there, whatever it held.")
def create(options: tuple[str, ...], place: str | None, source: str | None, *, force: bool) -> int:
    """Write a baseline of every finding that is open."""
    report, root = _report(options, source, with_baseline=None)
    target = Path(place) if place else root / _FILE
    if os.path.lexists(target) and not force:
        raise UsageError(f"{target} is there: `baseline update` renews it, --force replaces it")
    return _write(report, target, root, "written to")


@baseline.command(context_settings=_PASSED_ON)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[PATH] [SCAN-OPTIONS]...")
@click.option("--file", "place", metavar="FILE", help=f"The baseline.  [default: {_FILE} in PATH]")
@click.option("--from", "source", metavar="JSON", help="Take the findings of this report and do not scan.")
@click.option("--add-new", is_flag=True, help="Take in what is open now as well, not only drop what is gone.")
def update(options: tuple[str, ...], place: str | None, source: str | None, *, add_new: bool) -> int:
    """Drop what is fixed, and follow what moved. A baseline only shrinks, unless told to --add-new."""
    report, root = _report(options, source, with_baseline=place)
    target = Path(place) if place else root / _FILE
    if not target.is_file():
        raise UsageError(f"{target}: no such file; `baseline create` writes one")
    if not add_new:
        kept = [finding for finding in report.findings if finding.status == "baselined"]
        report = report.model_copy(update={"findings": kept})
    return _write(report, target, root, "renewed in")


@baseline.command(context_settings=_PASSED_ON)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[PATH] [SCAN-OPTIONS]...")
@click.option("--file", "place", metavar="FILE", help=f"The baseline.  [default: {_FILE} in PATH]")
@click.option("--from", "source", metavar="JSON", help="Take the findings of this report and do not scan.")
def diff(options: tuple[str, ...], place: str | None, source: str | None) -> int:
    """Show what is open and not in the baseline (+), and what of it is gone (-)."""
    report, _ = _report(options, source, with_baseline=place)
    if report.baseline is None:
        raise UsageError(f"{place or _FILE}: no such file; `baseline create` writes one")
    for finding in report.findings:
        if finding.status == "open":
            _line("+", finding, finding.location.path if finding.location else finding.database)
    for gone in report.baseline.stale:
        _line("-", gone, gone.path)
    fresh = sum(finding.status == "open" for finding in report.findings)
    click.echo(f"{report.baseline.matched} in the baseline, {fresh} not, {len(report.baseline.stale)} gone", err=True)
    return 0


def _line(sign: str, item: Finding | PastFinding, path: str | None) -> None:
    from auditor.render.safe_text import one_line

    click.echo(one_line(f"{sign} {item.severity.value:<8} {item.rule}  {item.subject}" + (f"  {path}" if path else "")))


def _write(report: Report, target: Path, root: Path, done: str) -> int:
    from auditor.baseline import baseline_of, written
    from auditor.cli.outputs import fault_of
    from auditor.sources.baseline import write_baseline

    if fault := fault_of(Path.cwd() / os.path.normpath(target), root):
        raise UsageError(f"{target}: {fault}")
    found: Baseline = baseline_of(report, target.name)
    write_baseline(target, written(found))
    count = len(found.entries)
    click.echo(f"backend-audit: {count} finding{'s'[: count != 1]} {done} {target}: review it, and commit it", err=True)
    return 0


def _report(options: tuple[str, ...], source: str | None, with_baseline: str | None) -> tuple[Report, Path]:
    """The report to take findings from, seen against the baseline, and the folder that it is about."""
    from auditor.cli.gate_options import baseline_reader
    from auditor.cli.report import read_report
    from auditor.cli.scan import request_of, scan
    from auditor.review import Review, review, seen_against
    from auditor.rulebook import load_rulebook

    values: dict[str, Any] = scan.make_context("scan", list(options)).params
    path = values.pop("path")
    values["baseline"] = with_baseline or values["baseline"]
    book = load_rulebook()
    request = request_of(path, values, book)
    reader = baseline_reader(values, request.target.root, book)
    if source is None:
        return review(Review(request, reader), book, _silent, _silent)[0], request.target.root
    report = read_report(Path(source))
    known = reader(request.target.root)
    return seen_against(report, known, request.target.root) if known else report, request.target.root


def _silent(_: str) -> None:
    """Say nothing."""
