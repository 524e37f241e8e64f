"""`routes`: the endpoints of a repository and what guards them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.model import Unavailable, UsageError

if TYPE_CHECKING:
    from auditor.report import Endpoint

_FORMATS = ("text", "json", "md", "csv", "openapi")


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--unauthenticated", is_flag=True, help="Only endpoints that nothing was seen to authenticate.")
@click.option("--method", "methods", multiple=True, metavar="METHOD", help="Only this method (repeatable).")
@click.option("--path", "globs", multiple=True, metavar="GLOB", help="Only paths that match, as /v1/* (repeatable).")
def routes(path: Path, form: str, methods: tuple[str, ...], globs: tuple[str, ...], *, unauthenticated: bool) -> int:
    """List every endpoint in PATH (default: this folder) with the controls in front of it."""
    from auditor.config import read_settings
    from auditor.facts.helper_names import Helpers
    from auditor.model import Target
    from auditor.routes import list_routes

    if not path.is_dir():
        raise UsageError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")
    root = path.resolve()
    settings = read_settings(root)
    try:
        helpers = Helpers(
            settings.auth_helpers,
            settings.limit_helpers,
            settings.validation_helpers,
            tuple(settings.base_paths.items()),
        )
        found = list_routes(Target(root, include=settings.include, exclude=settings.exclude), helpers)
    except Unavailable as reason:
        raise click.ClickException(str(reason)) from reason
    _write(_chosen(found, methods, globs, unauthenticated=unauthenticated), form)
    return 0


def _chosen(
    found: list[Endpoint], methods: tuple[str, ...], globs: tuple[str, ...], *, unauthenticated: bool
) -> list[Endpoint]:
    from fnmatch import fnmatchcase

    wanted = {method.upper() for method in methods}
    return [
        endpoint
        for endpoint in found
        if (not wanted or endpoint.method in wanted)
        and (not globs or any(fnmatchcase(endpoint.path, glob) for glob in globs))
        and not (unauthenticated and endpoint.auth.state == "present")
    ]


def _write(endpoints: list[Endpoint], form: str) -> None:
    from auditor.render import routes as render

    if form == "text":
        from rich.console import Console

        render.table(endpoints, Console(highlight=False))
        return
    writers = {"json": render.as_json, "md": render.as_markdown, "csv": render.as_csv, "openapi": render.as_openapi}
    click.echo(writers[form](endpoints))
