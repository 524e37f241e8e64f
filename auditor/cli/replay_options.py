"""The options of every command that replays migrations."""

from __future__ import annotations

import os

import click

from auditor.model import UsageError

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
