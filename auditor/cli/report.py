"""`report`: what can be done with a report that was written earlier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli.outputs import FORMATS, read_outputs, write_output
from auditor.model import UsageError

if TYPE_CHECKING:
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
