"""`routes`: the endpoints of a repository and what guards them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.replay_options import GRANTS, PG_BIN, TIMEOUT, target_of
from auditor.model import Unavailable

if TYPE_CHECKING:
    from auditor.report import Endpoint

_FORMATS = ("text", "json", "md", "csv", "openapi")


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--unauthenticated", is_flag=True, help="Only endpoints that nothing was seen to authenticate.")
@click.option("--method", "methods", multiple=True, metavar="METHOD", help="Only this method (repeatable).")
@click.option("--path", "globs", multiple=True, metavar="GLOB", help="Only paths that match, as /v1/* (repeatable).")
@click.option("--shadow/--no-shadow", default=True, help="Replay migrations for what Supabase serves.  [default: on]")
@GRANTS
@PG_BIN
@TIMEOUT
def routes(path: Path, **options: Any) -> int:  # noqa: ANN401 - click's options, read by name below
    """List every endpoint in PATH (default: this folder) with the controls in front of it."""
    from auditor.config import read_settings
    from auditor.facts.helper_names import Helpers
    from auditor.routes import list_routes

    target = replace(target_of(path, options), shadow=options["shadow"])
    settings = read_settings(target.root)
    helpers = Helpers(
        settings.auth_helpers, settings.limit_helpers, settings.validation_helpers, tuple(settings.base_paths.items())
    )
    try:
        found = list_routes(target, helpers)
    except Unavailable as reason:
        raise click.ClickException(str(reason)) from reason
    if found.lost:
        click.echo(f"backend-audit: what the database's API serves is not listed: {found.lost}", err=True)
    _write(_chosen(found.endpoints, options), options["form"])
    return 0


def _chosen(found: list[Endpoint], options: dict[str, Any]) -> list[Endpoint]:
    from fnmatch import fnmatchcase

    wanted, globs = {method.upper() for method in options["methods"]}, options["globs"]
    return [
        endpoint
        for endpoint in found
        if (not wanted or endpoint.method in wanted)
        and (not globs or any(fnmatchcase(endpoint.path, glob) for glob in globs))
        and not (options["unauthenticated"] and endpoint.auth.state == "present")
    ]


def _write(endpoints: list[Endpoint], form: str) -> None:
    from auditor.render import routes as render

    if form == "text":
        from rich.console import Console

        render.table(endpoints, Console(highlight=False))
        return
    writers = {"json": render.as_json, "md": render.as_markdown, "csv": render.as_csv, "openapi": render.as_openapi}
    click.echo(writers[form](endpoints))
