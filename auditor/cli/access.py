"""`access`: who can do what on the replayed database, as a table, as a contract, and as a difference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.codes import EXIT_CODES
from auditor.cli.replay_options import GRANTS, PG_BIN, TIMEOUT, target_of
from auditor.model import ExitCode, NotApplicable, NothingToScan, Unavailable, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.access import Access, Difference
    from auditor.model import Target
    from auditor.report import AccessCell

_FILTERS = ("table", "caller", "command")


@click.command(epilog=EXIT_CODES)
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option("--format", "form", type=click.Choice(["text", "json", "md", "html"]), default="text", show_default=True)
@click.option("--table", multiple=True, metavar="GLOB", help="Only objects that match, as public.* (repeatable).")
@click.option("--caller", multiple=True, metavar="NAME", help="Only this caller, as anon (repeatable).")
@click.option("--command", multiple=True, metavar="NAME", help="Only this command, as select (repeatable).")
@click.option(
    "--cell", nargs=3, metavar="OBJECT CALLER COMMAND", help="Print the transcript of one cell: a script for psql."
)
@click.option("--write", metavar="FILE", help="Write the access contract: the matrix as a file to review and commit.")
@click.option("--diff", metavar="REF", help="Compare with a branch, tag or commit: what the files here change.")
@click.option(
    "--fail-on-widening", is_flag=True, help="With --diff: exit code 1 when somebody can do more than at REF."
)
@GRANTS
@PG_BIN
@TIMEOUT
def access(path: Path, **options: Any) -> int:  # noqa: ANN401 - click's options, read by name below
    """Show what each caller of the API in PATH (default: this folder) can really do with each table.

    The migrations are replayed, rows are planted for two tenants, and every command is tried by every caller.
    """
    _refuse_mixtures(options)
    target = target_of(path, options)
    if options["write"]:
        _refuse_place(options["write"], target.root)
    try:
        if options["cell"]:
            return _printed_cell(target, options["cell"])
        return _compared(target, options) if options["diff"] else _shown(target, options)
    except Unavailable as reason:
        return incomplete({"": str(reason)})
    except NotApplicable as reason:
        raise NothingToScan(str(reason)) from reason


def _refuse_mixtures(options: dict[str, Any]) -> None:
    if options["fail_on_widening"] and not options["diff"]:
        raise UsageError("--fail-on-widening says what --diff REF shall do; name a REF")
    if options["write"] and (options["diff"] or any(options[name] for name in _FILTERS)):
        raise UsageError("--write records the whole matrix: it goes with none of --diff, --table, --caller, --command")
    if options["cell"] and any(options[name] for name in (*_FILTERS, "write", "diff")):
        raise UsageError("--cell goes with none of --write, --diff, --table, --caller, --command")
    if options["cell"] and options["form"] != "text":
        raise UsageError("--cell prints a script, and has no --format")
    if options["diff"] and options["form"] == "html":
        raise UsageError("--diff has the formats text, json and md")


def _refuse_place(file: str, root: Path) -> None:
    import os

    from auditor.cli.outputs import fault_of

    if fault := fault_of(Path.cwd() / os.path.normpath(file), root):
        raise UsageError(f"--write {file}: {fault}")


def _shown(target: Target, options: dict[str, Any]) -> int:
    from auditor.access import read_access

    found = read_access(target)
    if options["write"]:
        _write_contract(found, options["write"])
    else:
        chosen = _chosen(found.cells, options)
        if found.cells and not chosen:
            click.echo("backend-audit: no object matches", err=True)
        if chosen or not found.cells or options["form"] != "text":
            _print(chosen, found, options["form"])
    return incomplete(found.lost) if found.lost else 0


def _printed_cell(target: Target, wanted: tuple[str, str, str]) -> int:
    """The complete script of each cell of that name: there may be several databases."""
    from fnmatch import fnmatchcase

    from auditor.access import read_access
    from auditor.render.access_script import script_of, setup_of
    from auditor.render.safe_text import visible

    name, caller, command = wanted
    found = read_access(target)
    cells = _chosen(found.cells, {"table": (name,), "caller": (caller,), "command": (command,)})
    exact = [cell for cell in cells if _named(cell.object, name, lambda text, glob: text == glob)]
    cells = exact or [cell for cell in cells if _named(cell.object, name, fnmatchcase)]
    if not cells and not found.lost:
        raise UsageError(f"--cell: no object matches '{name}', or {caller} did not try {command} on it")
    for cell in cells:
        click.echo(visible(script_of(cell, setup_of(cell, found.setups))))
    return incomplete(found.lost) if found.lost else 0


def _write_contract(found: Access, file: str) -> None:
    from auditor.access import contract_text

    text = contract_text(found, Path(file).name)
    try:
        Path(file).write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"--write {file}: {error.strerror}") from error
    count = len({(cell.database, cell.object) for cell in found.cells})
    click.echo(f"backend-audit: {count} objects written to {file}: review it, and commit it", err=True)


def _chosen(cells: list[AccessCell], options: dict[str, Any]) -> list[AccessCell]:
    from fnmatch import fnmatchcase

    for option, known in (("caller", {c.caller for c in cells}), ("command", {c.command.lower() for c in cells})):
        for name in options[option]:
            if cells and name.lower() not in {value.lower() for value in known}:
                raise UsageError(f"--{option}: none is named '{name}'; there are {', '.join(sorted(known))}")
    wanted = {name: {value.lower() for value in options[name]} for name in _FILTERS}
    return [
        cell
        for cell in cells
        if (not wanted["caller"] or cell.caller.lower() in wanted["caller"])
        and (not wanted["command"] or cell.command.lower() in wanted["command"])
        and (not options["table"] or any(_named(cell.object, glob, fnmatchcase) for glob in options["table"]))
    ]


def _named(identity: str, glob: str, matches: Any) -> bool:  # noqa: ANN401 - fnmatchcase, imported late
    """By its full name or without its schema, also where the name is quoted."""
    plain = identity.replace('"', "")
    return any(matches(name, glob) for name in (identity, plain, plain.partition(".")[2]))


def _print(cells: list[AccessCell], found: Access, form: str) -> None:
    from auditor.render import access as render

    if form == "text":
        from rich.console import Console

        render.table(cells, Console(highlight=False))
    elif form == "html":
        from auditor import __version__
        from auditor.render.html import render_access

        _put(form, render_access(cells, found.lost, f"backend-audit {__version__}", found.setups))
    else:
        _put(form, (render.as_json if form == "json" else render.as_markdown)(cells) + "\n")


def _put(form: str, text: str) -> None:
    from auditor.cli.outputs import write_output

    write_output(form, "-", text)


def _compared(target: Target, options: dict[str, Any]) -> int:
    from auditor.access import compare_with

    found = compare_with(target, options["diff"])
    _print_difference(found, options)
    code = incomplete(found.lost) if found.lost else 0
    widened = len(found.widened)
    if widened and options["fail_on_widening"]:
        click.echo(f"backend-audit: {widened} cells are wider than at {options['diff']}", err=True)
        return ExitCode.FAILED
    return code


def _print_difference(found: Difference, options: dict[str, Any]) -> None:
    from auditor.render import access as render

    rows = [(moved.database, moved.change, moved.since) for moved in found.moved]
    rows = [row for row in rows if _concerned(row[1], options)]
    title = f"access since {found.ref} ({found.commit[:12]})"
    if options["form"] == "json":
        _put("json", render.changes_as_json(rows, found.ref, found.commit, found.lost) + "\n")
    elif options["form"] == "md":
        _put("md", render.changes_as_markdown(rows, title) + "\n")
    else:
        from rich.console import Console

        render.changes_as_text(rows, title, Console(highlight=False))


def _concerned(change: Any, options: dict[str, Any]) -> bool:  # noqa: ANN401 - a Change, imported late
    from fnmatch import fnmatchcase

    tests = (("caller", change.caller), ("command", change.command))
    return all(not options[n] or v.lower() in {w.lower() for w in options[n]} for n, v in tests) and (
        not options["table"] or any(_named(change.object, glob, fnmatchcase) for glob in options["table"])
    )


def incomplete(lost: Mapping[str, str]) -> int:
    """Say what is not known, and the exit code for it."""
    from auditor.render.safe_text import one_line

    for name, reason in lost.items():
        click.echo(f"backend-audit: not known: {one_line(f'{name}: {reason}' if name else reason)}", err=True)
    return ExitCode.INCOMPLETE
