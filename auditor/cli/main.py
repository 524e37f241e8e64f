"""The command group, and the one place that turns errors into exit codes."""

from __future__ import annotations

import os
import sys

import click

from auditor import __version__
from auditor.cli.pages import explain, rules
from auditor.cli.scan import scan
from auditor.model import NothingToScan, UsageError

_CODES = """\b
Exit codes, the first that applies:
  2    usage or configuration error
  3    the tool failed
  5    nothing to scan
  1    gate failed: open findings at or above --fail-on
  4    incomplete: a control of weight high or critical is unknown
  0    gate passed
  130  interrupted
"""


@click.group(epilog=_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="backend-audit")
def commands() -> None:
    """Audit a backend: replay its migrations, try to break in, and write one scored security checklist."""


for command in (scan, explain, rules):
    commands.add_command(command)


def main() -> None:
    """Run the command line; the only place of the package that exits."""
    if os.name == "nt":
        _end(3, "backend-audit runs on Linux and macOS; on Windows use it inside WSL")
    try:
        code = commands.main(standalone_mode=False)
    except click.exceptions.Abort:
        _end(130, "interrupted")
    except KeyboardInterrupt:
        _end(130, "interrupted")
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except UsageError as error:
        _end(2, str(error))
    except NothingToScan as error:
        _end(5, str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(3)
    except Exception as error:
        if os.environ.get("BACKEND_AUDIT_DEBUG"):
            raise
        _end(3, f"backend-audit failed: {type(error).__name__}: {error} (BACKEND_AUDIT_DEBUG=1 shows where)")
    sys.exit(code if isinstance(code, int) else 0)


def _end(code: int, message: str) -> None:
    # The message may hold a name from the repository: no control character of it reaches the terminal.
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    click.echo(f"backend-audit: {plain}", err=True)
    sys.exit(code)
