"""`advisories`: the local database of known vulnerabilities, built, described and renewed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.model import Unavailable, UsageError

if TYPE_CHECKING:
    from auditor.facts.advisories import Advisories


@click.group()
def advisories() -> None:
    """Build, describe and renew a local database of advisories, which `scan --advisories` reads."""


@advisories.command()
@click.argument("sources", nargs=-1, required=True, metavar="SRC…")
@click.option("-o", "--output", required=True, metavar="FILE", type=click.Path(path_type=Path), help="Where to write.")
def build(sources: tuple[str, ...], output: Path) -> int:
    """Compile folders and archives of OSV records into one file that is read in no time."""
    _built(_read(sources), output)
    return 0


@advisories.command()
@click.argument("sources", nargs=-1, required=True, metavar="SRC…")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def info(sources: tuple[str, ...], form: str) -> int:
    """Say what a database covers, how old it is, and which of its records could not be read."""
    import json

    facts = _facts(_read(sources))
    if form == "json":
        click.echo(json.dumps(facts, indent=2, sort_keys=True))
        return 0
    for name, value in facts.items():
        shown = "\n  ".join(["", *value]) if isinstance(value, list) else value
        click.echo(f"{name}: {_plain(str(shown))}")
    return 0


@advisories.command()
@click.option("-o", "--output", required=True, metavar="FILE", type=click.Path(path_type=Path), help="Where to write.")
@click.option(
    "--url",
    default="https://osv-vulnerabilities.storage.googleapis.com",
    show_default=True,
    metavar="URL",
    help="Where <ecosystem>/all.zip lies.",
)
@click.option("--offline", is_flag=True, help="Allow no connection: nothing can be renewed then.")
def update(output: Path, url: str, *, offline: bool) -> int:
    """Fetch the records of npm and PyPI from OSV, and compile them."""
    from tempfile import TemporaryDirectory

    from auditor.sources.advisory_download import download

    if offline:
        raise UsageError("advisories update: --offline forbids the download")
    with TemporaryDirectory(prefix="backend-audit-") as folder:
        try:
            download(url, Path(folder))
        except Unavailable as reason:
            raise click.ClickException(str(reason)) from reason
        _built(_read((folder,)), output)
    return 0


def _read(sources: tuple[str, ...]) -> Advisories:
    from auditor.sources.advisory_files import read_advisories

    try:
        return read_advisories(sources)
    except Unavailable as reason:
        raise UsageError(str(reason).replace("--advisories ", "", 1)) from reason


def _built(database: Advisories, output: Path) -> None:
    from auditor.sources.advisory_sqlite import build as write

    if not output.parent.is_dir():
        raise UsageError(f"-o {output}: there is no folder {output.parent}")
    write(database, output, datetime.now(UTC).isoformat(timespec="seconds"))
    counts = ", ".join(f"{count} of {name}" for name, count in sorted(database.records.items()))
    click.echo(
        f"wrote {output}: {counts} ({database.refusals} refused), the newest of {database.newest or 'unknown age'}"
    )


def _facts(database: Advisories) -> dict[str, Any]:
    age = min((found for part in database.coverage if (found := part.age(datetime.now(UTC))) is not None), default=None)
    return {
        **{f"{name} records": count for name, count in sorted(database.records.items())},
        **{f"{name} canary known": database.knows_canary(name) for name in sorted(database.records)},
        "newest record": database.newest or "no record says when it was modified",
        "age in days": round(age, 1) if age is not None else "unknown",
        "fixture": all(part.fixture for part in database.coverage),
        "records refused": database.refusals,
        "the first of them": database.refused[:20],
    }


def _plain(text: str) -> str:
    """Records come from outside: no control character of theirs reaches the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
