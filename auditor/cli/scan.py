"""`scan`: options in, report out, exit code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from auditor.model import Confidence, Severity, UsageError

if TYPE_CHECKING:
    from auditor.report import Report
    from auditor.rulebook import Rulebook
    from auditor.sources.repository import Repository

FORMATS = ("json", "html", "sarif")


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option(
    "--database",
    metavar="URL|env:NAME",
    help="Also audit a live server, read-only (env:NAME keeps the URL out of `ps`).",
)
@click.option("--shadow/--no-shadow", default=True, help="Replay the migrations on an embedded server.  [default: on]")
@click.option("--pg-bin", metavar="FOLDER", envvar="PG_BIN", help="PostgreSQL server binaries to replay on.")
@click.option(
    "--only",
    multiple=True,
    metavar="KIND|CONTROL|RULE",
    help="Ask only these (repeatable); the score is not graded.",
)
@click.option("--include", multiple=True, metavar="GLOB", help="Scan only files that match (repeatable).")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave files out (repeatable).")
@click.option(
    "--fail-on",
    type=click.Choice(["critical", "high", "medium", "low", "never"]),
    help="Least severity that fails the gate.  [default: high]",
)
@click.option(
    "--min-confidence",
    type=click.Choice([c.value for c in Confidence]),
    help="Least confidence that fails the gate.  [default: inferred]",
)
@click.option(
    "--allow-unknown",
    multiple=True,
    metavar="CONTROL|all",
    help="Unknown controls that do not make the scan incomplete (repeatable).",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest time for each replay.",
)
@click.option(
    "-o",
    "--output",
    multiple=True,
    metavar="FORMAT=FILE",
    help=f"Write a report: {', '.join(FORMATS)} (repeatable; FILE `-` is stdout).",
)
@click.option("--offline", is_flag=True, help="Allow no connection but the shadow's own socket and --database.")
@click.option("--explain-score", is_flag=True, help="Show the score's arithmetic.")
@click.option("-v", "--verbose", is_flag=True, help="Show every finding with its code and proof.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the gate's sentence.")
def scan(path: Path, **options: Any) -> int:  # noqa: ANN401 - click's options, read by name below
    """Audit the backend in PATH (default: this folder)."""
    from auditor.audit import audit
    from auditor.rulebook import load_rulebook

    outputs = [_output(text) for text in options["output"]]
    request = _request(path, options)
    book = load_rulebook()
    with _Progress(quiet=options["quiet"]) as progress:
        report, repository = audit(request, book, progress.say)
    for form, file in outputs:
        _write(form, file, report, book, repository)
    _print(report, options, to_stderr=any(file == "-" for _, file in outputs))
    return report.gate.exit_code


def _request(path: Path, options: dict[str, Any]) -> Any:  # noqa: ANN401 - a Request, imported late
    from auditor.audit import Request
    from auditor.config import read_settings
    from auditor.gate import GateSettings
    from auditor.lanes import Target

    if not path.is_dir():
        raise UsageError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")
    root = path.resolve()
    settings = read_settings(root)
    fail_on = options["fail_on"] or settings.fail_on or "high"
    target = Target(
        root=root,
        database=_database(options["database"]),
        shadow=options["shadow"],
        pg_bin=options["pg_bin"],
        timeout=options["timeout"],
        include=options["include"] or settings.include,
        exclude=(*settings.exclude, *options["exclude"]),
    )
    gate = GateSettings(
        fail_on=None if fail_on == "never" else Severity(fail_on),
        min_confidence=Confidence(options["min_confidence"] or settings.min_confidence or "inferred"),
        allow_unknown=_controls((*settings.allow_unknown, *options["allow_unknown"])),
    )
    return Request(target, settings, options["only"], gate)


def _controls(names: tuple[str, ...]) -> tuple[str, ...]:
    from auditor.rulebook import load_rulebook

    known = {"all", *(control.id for control in load_rulebook().controls)}
    for name in names:
        if name not in known:
            raise UsageError(f"--allow-unknown: no control is named '{name}'")
    return names


def _database(text: str | None) -> str | None:
    if text and text.startswith("env:"):
        value = os.environ.get(text[4:])
        if not value:
            raise UsageError(f"--database: the environment variable {text[4:]} is not set")
        return value
    return text


def _output(text: str) -> tuple[str, str]:
    form, separator, file = text.partition("=")
    if form not in FORMATS or not separator or not file:
        raise UsageError(f"-o {text}: write FORMAT=FILE with FORMAT one of {', '.join(FORMATS)}")
    if file != "-" and not Path(file).absolute().parent.is_dir():
        raise UsageError(f"-o {text}: there is no folder {Path(file).absolute().parent}")
    return form, file


def _write(form: str, file: str, report: Report, book: Rulebook, repository: Repository) -> None:
    text = _render(form, report, book, repository.git_prefix)
    if file == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(file).write_text(text, "utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"-o {form}={file}: {error.strerror}") from error


def _render(form: str, report: Report, book: Rulebook, prefix: str) -> str:
    if form == "html":
        from auditor.render import html

        return html.render(report, book)
    if form == "sarif":
        from auditor.render import sarif

        return sarif.render(report, book, prefix)
    from auditor.render import json_report

    return json_report.render(report)


def _print(report: Report, options: dict[str, Any], *, to_stderr: bool) -> None:
    from rich.console import Console

    from auditor.render import terminal

    if options["quiet"]:
        click.echo(f"backend-audit: {report.gate.reason}", err=True)
        return
    console = Console(stderr=to_stderr, highlight=False)
    terminal.render(report, console, verbose=options["verbose"], explain_score=options["explain_score"])


class _Progress:
    """What the scan is doing, on one line of stderr that goes away; nothing when stderr is no terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self._shown = sys.stderr.isatty() and not quiet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._line("")

    def say(self, text: str) -> None:
        self._line(f"reading: {text} …")

    def _line(self, text: str) -> None:
        if self._shown:
            sys.stderr.write(f"\r\033[K{text}")
            sys.stderr.flush()
