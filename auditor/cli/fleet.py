"""`fleet`: many repositories, and what they came to."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.outputs import fault_of
from auditor.cli.replay_options import database_of
from auditor.model import ExitCode, UsageError

if TYPE_CHECKING:
    from auditor.fleet import Member, Orders
    from auditor.sources.fleet_store import FleetStore, Result

_STORE = click.option(
    "--store",
    default="backend-audit-fleet.sqlite",
    show_default=True,
    metavar="FILE|URL|env:NAME",
    help="Where results are kept: an SQLite file or a postgresql:// database.",
)


@click.group()
def fleet() -> None:
    """Audit many repositories and rank them."""


@fleet.command(context_settings={"ignore_unknown_options": True})
@click.option("--repos", type=click.Path(path_type=Path), required=True, help="A file with one folder in each line.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Scans at the same time.")
@_STORE
@click.option("--queue", metavar="URL|env:NAME", help="Share the work with other machines by this postgresql:// queue.")
@click.option(
    "--stale", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds until a silent worker is dead."
)
@click.option(
    "--limit-seconds", type=click.FloatRange(1), default=900.0, show_default=True, help="Longest time of one scan."
)
@click.option(
    "--limit-memory", type=click.IntRange(100), default=4000, show_default=True, help="Most memory of one scan, in MB."
)
@click.option("--advisories", multiple=True, metavar="FOLDER|ZIP|SQLITE", help="As in `scan` (repeatable).")
@click.argument("scan_options", nargs=-1, type=click.UNPROCESSED)
def run(repos: Path, scan_options: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - click's options
    """Scan every folder that the file lists, but what is stored already. SCAN_OPTIONS (after `--`) go to each scan.

    The exit code is 0 where all could be scanned, whatever was found, else 3.
    """
    from auditor.fleet import Orders, read_members
    from auditor.sources.fleet_process import Limits
    from auditor.sources.fleet_store import FleetStore

    members = read_members(repos)
    limits = Limits(options["limit_seconds"], options["limit_memory"])
    orders = Orders(_allowed(scan_options), tuple(str(Path(name).resolve()) for name in options["advisories"]), limits)
    place = database_of(options["store"], "--store")
    assert place
    lost: list[str] = []
    with FleetStore(place) as store:
        if queue := database_of(options["queue"], "--queue"):
            _by_queue(queue, members, orders, store, options)
        else:
            _here(members, orders, store, options["jobs"], lost)
        lost += _unscanned(members, store)
    return ExitCode.TOOL_FAILED if lost else 0


def _allowed(options: tuple[str, ...]) -> tuple[str, ...]:
    """A scan of the fleet writes its own report and is asked for no other folder."""
    for option in options:
        if option.split("=")[0] in {"-o", "--output", "--database", "--probe-database"}:
            raise UsageError(f"{option}: not in a fleet")
    return options


def _here(members: list[Member], orders: Orders, store: FleetStore, jobs: int, lost: list[str]) -> None:
    from auditor.fleet import run_fleet

    run_fleet(members, orders, store, jobs, partial(_say, lost))


def _by_queue(queue: str, members: list[Member], orders: Orders, store: FleetStore, options: dict[str, Any]) -> None:
    from auditor.fleet import Member, key_for, scan_member
    from auditor.sources.fleet_queue import work
    from auditor.sources.store import key_of

    def do(name: str, root: str) -> None:
        member = Member(name, Path(root))
        _say([], member, scan_member(member, orders, store))

    waiting = [member for member in members if member.root.is_dir() and not store.settled(key_for(member, orders)[0])]
    jobs = [
        (
            key_of(member.name, str(member.root), orders.arguments()).hex(),
            {"name": member.name, "root": str(member.root)},
        )
        for member in waiting
    ]
    work(queue, jobs, do, options["jobs"], options["stale"])


def _unscanned(members: list[Member], store: FleetStore) -> list[str]:
    from auditor.fleet import ranking

    names = {member.name for member in members}
    results = {result.key.repository: result for result in ranking(store.results())}
    return [name for name in names if name not in results or results[name].exit_code in {2, 3}]


def _say(lost: list[str], member: Member, result: Result | None) -> None:
    from auditor.render.safe_text import one_line

    if result is None:
        click.echo(f"{one_line(member.name)}: stored already", err=True)
        return
    score = "not scanned" if result.score is None else f"{result.grade or 'not graded'} ({result.score:.0f})"
    lost += [member.name] if result.score is None else []
    click.echo(one_line(f"{member.name}: {score}, {result.seconds:.0f} s: {result.reason}"), err=True)


@fleet.command()
@_STORE
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it to this file instead of the terminal.")
def report(store: str, form: str, output: Path | None) -> int:
    """Rank the repositories by their last scans, the worst first."""
    from auditor.fleet import ranking
    from auditor.render import fleet as fleet_view
    from auditor.sources.fleet_store import FleetStore

    place = database_of(store, "--store")
    assert place
    if "://" not in place and not Path(place).is_file():
        raise UsageError(f"--store {place}: no such file")
    with FleetStore(place) as opened:
        text = fleet_view.render(form, ranking(opened.results()))
    if output is None:
        click.echo(text, nl=False)
        return 0
    if fault := fault_of(output, Path.cwd() / "nowhere"):
        raise UsageError(f"-o {output}: {fault}")
    output.write_text(text, "utf-8")
    return 0
