"""`init`: settings, a pipeline and a hook for a repository that has none. What is there already is left alone."""

from __future__ import annotations

from pathlib import Path

import click

from auditor.cli.outputs import fault_of
from auditor.model import UsageError


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option(
    "--ci",
    type=click.Choice(["github", "gitlab", "none"]),
    help="The pipeline to write a job for.  [default: what the repository has, else github]",
)
@click.option("--pre-commit/--no-pre-commit", default=True, help="Write an entry for pre-commit, too.  [default: on]")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
def init(path: Path, ci: str | None, *, pre_commit: bool, dry_run: bool) -> int:
    """Write settings, a pipeline job and a pre-commit entry into PATH (default: this folder).

    No file is ever changed: where one is there, what would have gone into it is shown.
    """
    if not path.is_dir():
        raise UsageError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")
    root = path.resolve()
    for name, text in _files(root, ci or _pipeline(root), pre_commit=pre_commit).items():
        _write(root, name, text, dry_run=dry_run)
    click.echo("next: backend-audit scan")
    return 0


def _pipeline(root: Path) -> str:
    return "gitlab" if (root / ".gitlab-ci.yml").is_file() and not (root / ".github").is_dir() else "github"


def _files(root: Path, pipeline: str, *, pre_commit: bool) -> dict[str, str]:
    from auditor.render import starter
    from auditor.sources.repository import read_repository

    stack = {label for unit in read_repository(root).units for label in unit.stack}
    files = {starter.SETTINGS: starter.settings(stack)}
    files |= {starter.GITHUB: starter.github()} if pipeline == "github" else {}
    files |= {starter.GITLAB: starter.gitlab()} if pipeline == "gitlab" else {}
    if pre_commit:
        there = (root / starter.PRE_COMMIT).exists()
        files[starter.PRE_COMMIT] = starter.pre_commit_entry() if there else starter.pre_commit()
    return files


def _write(root: Path, name: str, text: str, *, dry_run: bool) -> None:
    place = root / name
    if place.exists() or place.is_symlink():
        shown = f":\n{text}" if name.endswith("pre-commit-config.yaml") else ""
        click.echo(f"{name} is there and was left alone{'; add to it' if shown else ''}{shown}")
        return
    if dry_run:
        click.echo(f"would write {name}:\n{text}")
        return
    inner = next(parent for parent in place.parents if parent.exists())
    if not inner.resolve().is_relative_to(root):
        raise UsageError(f"{name}: a link of this folder leads elsewhere")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if fault := fault_of(place, root):
            raise UsageError(f"{name}: {fault}")
        place.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error
    click.echo(f"wrote {name}")
