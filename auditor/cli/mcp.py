"""`mcp`: the auditor as tools for an editor's assistant, over the Model Context Protocol on stdin and stdout."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import click

from auditor.cli.codes import EXIT_CODES
from auditor.cli.replay_options import PG_BIN, database_of
from auditor.model import UsageError


@click.command(epilog=EXIT_CODES)
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option(
    "--database", metavar="URL|env:NAME", help="A live server that `query` asks, as a role that may only read."
)
@PG_BIN
def mcp(path: Path, database: str | None, pg_bin: str | None) -> int:
    """Serve the audit of PATH (default: this folder) to an editor's assistant, over MCP on stdin and stdout."""
    if not path.is_dir():
        raise UsageError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")
    from auditor.serve import Server
    from auditor.sources.user_cache import user_folder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the protocol's library warns about its own settings
        from auditor.cli.mcp_tools import tools

        server = Server(path.resolve(), database_of(database), pg_bin, os.cpu_count() or 1, user_folder(path.resolve()))
        try:
            tools(server).run("stdio")
        finally:
            server.close()
    return 0
