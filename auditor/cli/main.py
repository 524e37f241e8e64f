"""The command group, and the one place that turns errors into exit codes."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import threading
from typing import NoReturn

import click

from auditor import __version__
from auditor.cli.codes import EXIT_CODES
from auditor.model import ExitCode, NothingToScan, UsageError

# Each command stands in a module of its own, which is imported when the command is called: the module's name where it
# is not the command's.
COMMANDS = {
    "scan": "", "routes": "", "access": "", "shadow": "", "report": "", "baseline": "", "history": "",
    "config": "", "advisories": "", "explain": "pages",
    "rules": "pages", "init": "", "fleet": "", "mcp": "", "completion": "",
}  # fmt: skip


class _Lazy(click.Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"auditor.cli.{COMMANDS[cmd_name] or cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(
    cls=_Lazy, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="backend-audit")
def commands() -> None:
    """Audit a backend: replay its migrations, try to break in, and write one scored security checklist."""


def main() -> None:
    """Run the command line; the only place of the package that exits."""
    if os.name == "nt":
        _end(ExitCode.TOOL_FAILED, "backend-audit runs on Linux and macOS; on Windows use it inside WSL")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 is no reason to fail
    # A pipeline that is cancelled sends SIGTERM: the servers are stopped then, as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    code = _run()
    try:
        if not sys.stdout.closed:  # a server that speaks over it has closed it when it ends
            sys.stdout.flush()
    except BrokenPipeError:
        _pipe_closed()
    sys.exit(code)


def _run() -> int:
    try:
        code = commands.main(standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        if any(thread.name.startswith("evidence") for thread in threading.enumerate()):
            click.echo("backend-audit: interrupted", err=True)
            os._exit(ExitCode.INTERRUPTED)  # a thread that parses would hold the process; servers are stopped already
        _end(ExitCode.INTERRUPTED, "interrupted")
    except click.ClickException as error:
        error.show()
        return 2
    except UsageError as error:
        _end(ExitCode.USAGE, str(error))
    except NothingToScan as error:
        _end(ExitCode.NOTHING, str(error))
    except (BrokenPipeError, SystemExit):  # click and rich end with 1 on a closed pipe, which would say "gate failed"
        _pipe_closed()
    except Exception as error:  # noqa: BLE001 - the last resort; said and given a code
        if os.environ.get("BACKEND_AUDIT_DEBUG"):
            import traceback

            traceback.print_exc()
        _end(
            ExitCode.TOOL_FAILED,
            f"backend-audit failed: {type(error).__name__}: {error} (BACKEND_AUDIT_DEBUG=1 shows where)",
        )
    return code if isinstance(code, int) else 0


def _pipe_closed() -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(ExitCode.TOOL_FAILED)


def _end(code: int, message: str) -> NoReturn:
    # The message may hold a name from the repository: no control character of it reaches the terminal.
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    click.echo(f"backend-audit: {plain}", err=True)
    sys.exit(code)
