"""The options of every command that replays migrations."""

from __future__ import annotations

import click

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
