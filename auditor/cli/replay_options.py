"""The options of every command that replays migrations."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from auditor.model import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.model import Target

GRANTS = click.option(
    "--grants",
    type=click.Choice(["legacy", "explicit"]),
    help="Supabase's default grants, instead of what config.toml says.",
)
PG_BIN = click.option("--pg-bin", metavar="FOLDER", envvar="PG_BIN", help="PostgreSQL server binaries to replay on.")
TIMEOUT = click.option(
    "--timeout",
    type=click.FloatRange(1),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest time for each replay.",
)


def database_of(text: str | None, option: str = "--database") -> str | None:
    """The URL that an option names, out of the environment where it says so. Raises UsageError."""
    if text and text.startswith("env:"):
        value = os.environ.get(text[4:])
        if not value:
            raise UsageError(f"{option}: the environment variable {text[4:]} is not set")
        return value
    if text is not None and not text.strip():  # `--database "$URL"` with URL unset must not pass for a live audit
        raise UsageError(f"{option}: the URL is empty")
    return text


def target_of(path: Path, options: dict[str, Any]) -> Target:
    """What these options and the settings of the folder make of a path. Raises UsageError."""
    from auditor.config import read_settings
    from auditor.model import Target

    if not path.is_dir():
        raise UsageError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")
    root = path.resolve()
    settings = read_settings(root)
    return Target(
        root,
        pg_bin=options["pg_bin"],
        timeout=options["timeout"],
        grants=options["grants"],
        include=settings.include,
        exclude=settings.exclude,
    )
