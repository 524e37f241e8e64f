"""`report`: what can be done with a report that was written earlier."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from auditor.cli.outputs import FORMATS, read_outputs, write_output
from auditor.model import UsageError

if TYPE_CHECKING:
    from auditor.merge import Part
    from auditor.report import Report

_MAX_BYTES = 500_000_000


@click.group()
def report() -> None:
    """Work with a JSON report of an earlier scan."""


@report.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    multiple=True,
    required=True,
    metavar="FORMAT=FILE",
    help=f"What to write: {', '.join(FORMATS)} (repeatable; FILE `-` is stdout).",
)
def convert(file: Path, output: tuple[str, ...]) -> int:
    """Write the JSON report FILE in other formats."""
    from auditor.cli.formats import render
    from auditor.rulebook import load_rulebook

    outputs = read_outputs(output, Path.cwd())
    found = read_report(file)
    book = load_rulebook()
    for form, place in outputs:
        write_output(form, place, render(form, found, book))
    return 0


@report.command()
@click.argument("files", nargs=-1, required=True, metavar="[FOLDER=]FILE...")
@click.option(
    "-o",
    "--output",
    multiple=True,
    required=True,
    metavar="FORMAT=FILE",
    help=f"What to write: {', '.join(FORMATS)} (repeatable; FILE `-` is stdout).",
)
def merge(files: tuple[str, ...], output: tuple[str, ...]) -> int:
    """Join JSON reports of several scans into one.

    FOLDER is what was scanned, below the folder of the new report (`apps/api=api.json`): it goes before every path.
    Without it that is the name of FILE without its ending. Reports about the same folder (`.=a.json .=b.json`, say of
    scans with --only) complete each other.

    A control is as good as its worst part, figures add up, and the score is worked out from that. The exit code is 0
    once everything is written: the gate of each scan has decided already.
    """
    from auditor.cli.formats import render
    from auditor.merge import merge as merged_report
    from auditor.render.safe_text import one_line
    from auditor.rulebook import load_rulebook

    outputs = read_outputs(output, Path.cwd())
    parts = [_part(text) for text in files]
    book = load_rulebook()
    merged = merged_report(parts, book)
    for form, place in outputs:
        write_output(form, place, render(form, merged, book))
    where = ", ".join(dict.fromkeys(part.folder for part in parts))
    click.echo(f"backend-audit: {len(parts)} reports about {one_line(where)}: {one_line(merged.gate.reason)}", err=True)
    return 0


def _part(text: str) -> Part:
    from auditor.merge import Part

    folder, separator, name = text.partition("=")
    if not separator or Path(text).is_file():
        return Part(Path(text).stem, read_report(Path(text)))
    path = PurePosixPath(folder or "?")
    if path.is_absolute() or ".." in path.parts or not folder:
        raise UsageError(f"{text}: write FOLDER=FILE with FOLDER a path below the folder of the new report")
    return Part(str(path), read_report(Path(name)))


@report.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--framework", required=True, metavar="NAME", help="owasp-asvs, owasp-api-top-10, soc-2 and others.")
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
def framework(file: Path, framework: str, form: str) -> int:
    """Show what the verdicts in the JSON report FILE are evidence for in a security framework."""
    from auditor.render import framework as framework_view
    from auditor.rulebook import load_rulebook

    click.echo(framework_view.render(framework, read_report(file), load_rulebook(), form), nl=False)
    return 0


def read_report(file: Path) -> Report:
    """A report that was written earlier; raises UsageError."""
    from pydantic import ValidationError

    from auditor.report import SCHEMA_VERSION
    from auditor.report import Report as Model

    try:
        if file.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{file}: larger than any report")
        return Model.model_validate_json(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(
            f"{file}: not a report of this version (schema {SCHEMA_VERSION}): {where}: {first['msg']}"
        ) from error
