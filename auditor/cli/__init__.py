"""The command line. Nothing heavy is imported until a command needs it."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; the version is said before anything else is loaded."""
    if sys.argv[1:] == ["--version"]:
        from auditor import __version__

        sys.stdout.write(f"backend-audit, version {__version__}\n")
        return
    from auditor.cli.main import main as run

    run()
