"""`scan`: options in, report out, exit code."""

from __future__ import annotations

import difflib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from auditor.cli.codes import EXIT_CODES
from auditor.cli.outputs import FORMATS, read_outputs, write_output
from auditor.cli.replay_options import GRANTS, PG_BIN, TIMEOUT, database_of
from auditor.model import Confidence, Severity, UsageError

if TYPE_CHECKING:
    from auditor.report import Report


@click.command(epilog=EXIT_CODES)
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option(
    "--database",
    metavar="URL|env:NAME",
    help="Also audit a live server, read-only (env:NAME keeps the URL out of `ps`).",
)
@click.option(
    "--probe-database",
    metavar="URL|env:NAME",
    help="Act as the API's callers on this disposable server, too: rows are written to it.",
)
@click.option(
    "--i-know-this-database-is-disposable",
    "disposable",
    is_flag=True,
    help="Write to --probe-database although it has rows, clients or replicas.",
)
@click.option("--shadow/--no-shadow", default=True, help="Replay the migrations on an embedded server.  [default: on]")
@GRANTS
@PG_BIN
@click.option(
    "--only",
    multiple=True,
    metavar="KIND|CONTROL|RULE",
    help="Ask only these (repeatable); the score is not graded.",
)
@click.option(
    "--advisories",
    multiple=True,
    metavar="FOLDER|ZIP|SQLITE",
    help="Match packages against these OSV records (repeatable).",
)
@click.option(
    "--max-advisory-age",
    default="7d",
    show_default=True,
    metavar="AGE",
    help="Oldest database of advisories (12h, 7d, 4w) that still clears a package.",
)
@click.option(
    "--import-audit",
    multiple=True,
    metavar="FILE",
    help="Add what npm audit, pip-audit or osv-scanner found, from its JSON (repeatable).",
)
@click.option("--vex", multiple=True, metavar="FILE", help="Accept what OpenVEX or CycloneDX VEX clears (repeatable).")
@click.option("--require-complete", is_flag=True, help="Any package that was not audited makes the control unknown.")
@click.option("--all-migrations", is_flag=True, help="Treat migrations that the default branch has as new, too.")
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
@TIMEOUT
@click.option(
    "-o",
    "--output",
    multiple=True,
    metavar="FORMAT=FILE",
    help=f"Write a report: {', '.join(FORMATS)} (repeatable; FILE `-` is stdout).",
)
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes that read code.  [default: all cores]")
@click.option("--cache/--no-cache", default=True, help="Keep what was worked out for the next scan.  [default: on]")
@click.option(
    "--cache-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where it is kept.  [default: backend-audit in the user's cache folder]",
)
@click.option("--offline", is_flag=True, help="Allow no connection but the shadow's own socket and --database.")
@click.option("--explain-score", is_flag=True, help="Show the score's arithmetic.")
@click.option("-v", "--verbose", is_flag=True, help="Show every finding with its code and proof.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the gate's sentence.")
def scan(path: Path, **options: Any) -> int:  # noqa: ANN401 - click's options, read by name below
    """Audit the backend in PATH (default: this folder)."""
    from auditor.audit import audit
    from auditor.cli.formats import render
    from auditor.cli.last_report import remember
    from auditor.rulebook import load_rulebook

    request = _request(path, options)
    outputs = read_outputs(options["output"], request.target.root)
    book = load_rulebook()
    with _Progress(quiet=options["quiet"]) as progress:
        report, repository = audit(request, book, progress.say)
    for form, file in outputs:
        write_output(form, file, render(form, report, book, repository))
    remember(report, request.target.root, request.cache)
    _print(report, options, to_stderr=any(file == "-" for _, file in outputs))
    return report.gate.exit_code


def _request(path: Path, options: dict[str, Any]) -> Any:  # noqa: ANN401 - a Request, imported late
    from auditor.audit import Request
    from auditor.config import read_settings
    from auditor.gate import GateSettings
    from auditor.model import Target
    from auditor.sources.globs import chosen_spec
    from auditor.sources.store import default_folder

    if not path.is_dir():
        raise UsageError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")
    root = path.resolve()
    settings = read_settings(root)
    include = options["include"] or settings.include
    exclude = (*settings.exclude, *options["exclude"])
    for option, globs in (("--include", include), ("--exclude", exclude)):
        chosen_spec(globs, option)  # a glob that cannot be used is a usage error, and found before the scan
    if options["database"] is not None and options["probe_database"] is not None:
        raise UsageError("--database reads a server and --probe-database writes to one: give one of them")
    fail_on = options["fail_on"] or settings.fail_on or "high"
    target = Target(
        root=root,
        database=database_of(options["database"]) or database_of(options["probe_database"], "--probe-database"),
        probe_live=options["probe_database"] is not None,
        disposable=options["disposable"],
        shadow=options["shadow"],
        pg_bin=options["pg_bin"],
        timeout=options["timeout"],
        advisories=options["advisories"],
        max_advisory_age=_days(options["max_advisory_age"]),
        require_complete=options["require_complete"],
        imported_audits=_files("--import-audit", options["import_audit"]),
        vex=_documents(options["vex"]),
        offline=options["offline"],
        grants=options["grants"],
        include=include,
        exclude=exclude,
        all_migrations=options["all_migrations"],
    )
    gate = GateSettings(
        fail_on=None if fail_on == "never" else Severity(fail_on),
        min_confidence=Confidence(options["min_confidence"] or settings.min_confidence or "inferred"),
        allow_unknown=_controls((*settings.allow_unknown, *options["allow_unknown"])),
    )
    cache = (options["cache_dir"] or default_folder()) if options["cache"] else None
    return Request(target, settings, options["only"], gate, options["jobs"] or os.cpu_count() or 1, cache)


def _controls(names: tuple[str, ...]) -> tuple[str, ...]:
    from auditor.rulebook import load_rulebook

    known = {"all", *(control.id for control in load_rulebook().controls)}
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            raise UsageError(f"--allow-unknown: no control is named '{name}'{hint}")
    return names


def _files(option: str, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not Path(name).is_file():
            raise UsageError(f"{option} {name}: no such file")
    return names


def _documents(names: tuple[str, ...]) -> tuple[str, ...]:
    """Documents of VEX; one that cannot be read is a usage error, and found before the scan."""
    from auditor.sources.vex_files import read_statements

    for name in _files("--vex", names):
        read_statements(name)
    return names


def _days(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6})([hdw]?)", text)
    if match is None:
        raise UsageError(f"--max-advisory-age: '{text}' is no age; write 12h, 7d or 4w")
    return int(match[1]) * {"h": 1 / 24, "d": 1, "": 1, "w": 7}[match[2]]


def _print(report: Report, options: dict[str, Any], *, to_stderr: bool) -> None:
    from rich.console import Console

    from auditor.render import terminal
    from auditor.render.safe_text import one_line

    if options["quiet"]:
        # The sentence names a subject of the repository: no control character of it reaches the terminal.
        click.echo(f"backend-audit: {one_line(report.gate.reason)}", err=True)
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
