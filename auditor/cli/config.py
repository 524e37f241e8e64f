"""`config`: what applies and where it is from, whether it is sound, and its JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.model import UsageError

if TYPE_CHECKING:
    from auditor.config import Config

# Options of `scan` that settings can hold, too; those that add up are in both places.
_SHARED = (
    "fail_on", "fail_on_new", "min_confidence", "min_grade", "min_coverage", "require", "allow_unknown", "include",
    "exclude",
)  # fmt: skip
_DEFAULTS = {"fail_on": "high", "min_confidence": "inferred"}


@click.group()
def config() -> None:
    """Look at the settings of a repository: backend-audit.toml, or [tool.backend-audit] in pyproject.toml."""


@config.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[PATH] [SCAN-OPTIONS]...")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def show(options: tuple[str, ...], form: str) -> int:
    """Show what applies, and where it is from: a default, a line of a file, or the command line."""
    from auditor.cli.scan import scan
    from auditor.render.safe_text import one_line

    values = scan.make_context("scan", list(options)).params
    found = _checked(values["path"])
    rows = _rows(found, values)
    if form == "json":
        click.echo(json.dumps({key: {"value": value, "from": origin} for key, value, origin in rows}, indent=2))
        return 0
    width = max(len(key) for key, _, _ in rows)
    for key, value, origin in rows:
        click.echo(one_line(f"{key:<{width}}  {json.dumps(value, ensure_ascii=False)}  ({origin})"))
    return 0


@config.command()
def schema() -> int:
    """Print the JSON Schema of the settings, for editors."""
    from auditor.config import Settings

    found = Settings.model_json_schema(by_alias=True)
    found |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "backend-audit.toml"}
    click.echo(json.dumps(found, indent=2))
    return 0


@config.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path())
def check(path: Path) -> int:
    """Check the settings of PATH; exit code 2 says what is wrong with them."""
    from auditor.leniency import loosened
    from auditor.render.safe_text import one_line
    from auditor.rulebook import load_rulebook

    found = _checked(path)
    click.echo(f"backend-audit: {found.file} is sound" if found.lines else "backend-audit: no settings", err=True)
    for line in loosened(found, load_rulebook()):
        click.echo(one_line(f"note: {line}"), err=True)
    return 0


def _checked(path: Path) -> Config:
    from auditor.config import read_config
    from auditor.overrides import check_names
    from auditor.rulebook import load_rulebook
    from auditor.sources.globs import chosen_spec

    if not path.is_dir():
        raise UsageError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")
    found = read_config(path.resolve())
    check_names(found, load_rulebook())
    for key, globs in (("include", found.settings.include), ("exclude", found.settings.exclude)):
        chosen_spec(globs, f"{found.place(key)}: '{key}'")
    return found


def _rows(found: Config, options: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Each key with its value and its origin, in the order of the schema."""
    values = found.settings.model_dump(mode="json", by_alias=True)
    names = {item.alias or name: name for name, item in type(found.settings).model_fields.items()}
    return [_row(found, key, value, options.get(names[key]), names[key]) for key, value in values.items()]


def _row(found: Config, key: str, value: Any, given: Any, name: str) -> tuple[str, Any, str]:  # noqa: ANN401 - of any kind
    at = found.lines.get(key) or found.lines.get(f"{key}.0")
    origin = f"{found.file}:{at}" if at else "default"
    if name in _SHARED and given not in {None, ()}:
        adds = name in {"require", "allow_unknown", "exclude"} and value
        value = [*value, *given] if adds else list(given) if isinstance(given, tuple) else given
        origin = f"{origin} and the command line" if adds else "command line"
    return key, _DEFAULTS.get(name) if value is None else value, origin
