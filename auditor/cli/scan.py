"""`scan`: options in, report out, exit code."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.codes import EXIT_CODES
from auditor.cli.gate_options import gate_of, gate_options, review_of
from auditor.cli.outputs import FORMATS, read_outputs, write_output
from auditor.cli.progress import Progress
from auditor.cli.replay_options import GRANTS, PG_BIN, TIMEOUT, database_of
from auditor.model import ExitCode, NothingToScan, UsageError

if TYPE_CHECKING:
    from auditor.audit import Request
    from auditor.config import Settings
    from auditor.model import Target
    from auditor.report import Report
    from auditor.rulebook import Rulebook
    from auditor.sources.repository import Repository


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
@click.option(
    "--history-budget",
    default="20s",
    show_default=True,
    metavar="TIME",
    help="Time for the secrets in git's history (30s, 5m; 0 leaves it out).",
)
@click.option("--quick", is_flag=True, help="Leave out git's history and the replay of the migrations.")
@click.option(
    "--semgrep-rules",
    multiple=True,
    metavar="FILE|FOLDER",
    help="Run semgrep rules of your own beside ours (repeatable).",
)
@click.option("--all-migrations", is_flag=True, help="Treat migrations that the default branch has as new, too.")
@click.option("--include", multiple=True, metavar="GLOB", help="Scan only files that match (repeatable).")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave files out (repeatable).")
@gate_options
@TIMEOUT
@click.option(
    "-o",
    "--output",
    multiple=True,
    metavar="FORMAT=FILE",
    help=f"Write a report: {', '.join(FORMATS)} (repeatable; FILE `-` is stdout).",
)
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes that read code.  [default: all cores]")
@click.option(
    "--cache/--no-cache",
    default=True,
    help="Keep for the next scan what was worked out, and answers of services for a day.  [default: on]",
)
@click.option(
    "--cache-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where it is kept.  [default: backend-audit in the user's cache folder]",
)
@click.option("--offline", is_flag=True, help="Allow no connection but the shadow's own socket and --database.")
@click.option(
    "--framework",
    multiple=True,
    metavar="NAME",
    help="Show the verdicts as evidence for owasp-asvs, soc-2, … (repeatable).",
)
@click.option("--explain-score", is_flag=True, help="Show the score's arithmetic.")
@click.option("-v", "--verbose", is_flag=True, help="Show every finding with its code and proof.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the gate's sentence.")
def scan(path: Path, **options: Any) -> int:  # noqa: ANN401 - click's options, read by name below
    """Audit the backend in PATH (default: this folder)."""
    from auditor.cli.formats import render
    from auditor.cli.last_report import remember
    from auditor.frameworks import load_framework
    from auditor.render import framework
    from auditor.sources import allocator

    allocator.of_this_process()
    book = _rulebook(options)
    request = request_of(path, options, book)
    for name in options["framework"]:
        load_framework(name, book)  # one that there is not is found before the scan
    outputs = read_outputs(options["output"], request.target.root)
    try:
        with Progress(quiet=options["quiet"]) as progress:
            report, repository = _audited(request, options, book, progress)
    except NothingToScan:
        if not options["changed"]:
            raise
        click.echo("backend-audit: nothing is staged that a rule reads", err=True)
        return ExitCode.PASSED
    for form, file in outputs:
        write_output(form, file, render(form, report, book, repository))
    remember(report, request.target.root, request.target.cache)
    to_stderr = any(file == "-" for _, file in outputs)
    _print(report, options, to_stderr=to_stderr)
    for name in () if options["quiet"] else options["framework"] or request.config.settings.frameworks:
        click.echo("\n" + framework.render(name, report, book), nl=False, err=to_stderr)
    return report.gate.exit_code


def _rulebook(options: dict[str, Any]) -> Rulebook:
    """The rules of this tool, and those that the user brings along: they lie in a folder until the scan has ended."""
    from auditor.rulebook import load_rulebook

    if not options["semgrep_rules"]:
        return load_rulebook()
    from auditor.sources.semgrep_own import own_pages

    folder = click.get_current_context().with_resource(TemporaryDirectory(prefix="backend-audit-rules-"))
    pages, left_out = own_pages(options["semgrep_rules"], Path(folder))
    if left_out and not options["quiet"]:
        click.echo(f"backend-audit: not for a language that is read here: {', '.join(left_out)}", err=True)
    book = load_rulebook()
    return replace(book, pages=(*book.pages, *pages))


def _audited(
    request: Request, options: dict[str, Any], book: Rulebook, progress: Progress
) -> tuple[Report, Repository]:
    if options["changed"]:
        from auditor.staged import audit_staged

        return audit_staged(request, book)
    from auditor.review import review

    return review(review_of(request, options, book), book, progress.say, progress.warn)


def request_of(path: Path, options: dict[str, Any], book: Rulebook) -> Request:
    """What the options ask for; raises UsageError for what cannot be done."""
    from auditor.audit import Request
    from auditor.config import read_config
    from auditor.overrides import check_names

    if not path.is_dir():
        raise UsageError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")
    root = path.resolve()
    config = read_config(root)
    check_names(config, book)
    target = _target(root, options, config.settings)
    jobs = options["jobs"] or os.cpu_count() or 1
    return Request(target, config, options["only"], gate_of(options, config, book), jobs)


def _target(root: Path, options: dict[str, Any], settings: Settings) -> Target:
    from auditor.model import Target
    from auditor.sources.globs import chosen_spec
    from auditor.sources.user_cache import user_folder

    include = options["include"] or settings.include
    exclude = (*settings.exclude, *options["exclude"])
    for option, globs in (("--include", include), ("--exclude", exclude)):
        chosen_spec(globs, option)  # a glob that cannot be used is a usage error, and found before the scan
    if options["database"] is not None and options["probe_database"] is not None:
        raise UsageError("--database reads a server and --probe-database writes to one: give one of them")
    return Target(
        root=root,
        database=database_of(options["database"]) or database_of(options["probe_database"], "--probe-database"),
        probe_live=options["probe_database"] is not None,
        disposable=options["disposable"],
        shadow=options["shadow"] and not options["quick"],
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
        cache=(options["cache_dir"] or user_folder(root)) if options["cache"] else None,
        denied_licences=settings.denied_licences,
        history_seconds=0.0 if options["quick"] else _seconds(options["history_budget"]),
    )


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


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6})([smh]?)", text)
    if match is None:
        raise UsageError(f"--history-budget: '{text}' is no time; write 30s or 5m")
    return float(match[1]) * {"s": 1, "": 1, "m": 60, "h": 3600}[match[2]]


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
