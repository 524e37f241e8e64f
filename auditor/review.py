"""An audit seen against what is known already: a baseline, another revision, earlier scans. One straight line each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditor import audit
from auditor.baseline import Baseline, apply
from auditor.changes import compared
from auditor.config import Config, read_config
from auditor.facts.access_contract import FILE_NAME as CONTRACT
from auditor.gate import decide_report
from auditor.lanes import repository_source
from auditor.leniency import Lenience, weakened
from auditor.model import NothingToScan, UsageError
from auditor.sources.git_folder import GitError
from auditor.sources.git_tree import tree_at
from auditor.sources.history import HistoryError, keep, read_scans
from auditor.sources.revisions import commits_since, fork_of, renames_since, repository_at
from auditor.suppress import collect
from auditor.trend import scan_of, with_trend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from auditor.audit import Request
    from auditor.report import Report
    from auditor.rulebook import Rulebook
    from auditor.sources.repository import Repository


@dataclass(frozen=True, slots=True)
class Review:
    """An audit, and what it is compared with. `baseline` reads the baseline of a folder that holds the files."""

    request: Request
    baseline: Callable[[Path], Baseline | None] = lambda _: None
    new_since: str | None = None
    history: bool = False


def review(
    wanted: Review, book: Rulebook, progress: Callable[[str], None], warn: Callable[[str], None]
) -> tuple[Report, Repository]:
    """Audit, and compare. Raises UsageError and NothingToScan; `warn` is told what of the memory could not be kept."""
    report, repository = audit.audit(wanted.request, book, progress)
    if baseline := wanted.baseline(wanted.request.target.root):
        report = seen_against(report, baseline, wanted.request.target.root, repository.files)
    if wanted.new_since:
        report = _since(wanted, book, progress, (report, repository))
    if wanted.history:
        report = _remembered(report, wanted.request, warn)
    return report.model_copy(update={"gate": decide_report(wanted.request.gate, report)}), repository


def seen_against(report: Report, baseline: Baseline, root: Path, files: Iterable[str] = ()) -> Report:
    """The report with the findings of a baseline marked; renames since that was written are followed."""
    findings, note = apply(baseline, report, _renames(root, baseline.commit), files)
    return report.model_copy(update={"findings": findings, "baseline": note})


def _renames(root: Path, commit: str | None) -> dict[str, str]:
    """None where that commit is not in this clone: its entries are stale then, and what they meant is open."""
    try:
        return renames_since(root, commit) if commit else {}
    except GitError:
        return {}


def _since(wanted: Review, book: Rulebook, progress: Callable[[str], None], now: tuple[Report, Repository]) -> Report:
    """The report with what changed since another revision, whose files are audited the same way."""
    ref = wanted.new_since or ""
    request, (report, repository) = wanted.request, now
    try:
        with tree_at(request.target.root, fork_of(request.target.root, ref)) as (folder, commit):
            renames = renames_since(request.target.root, commit)
            commits = commits_since(request.target.root, commit)
            target = request.target
            files = repository_at(folder, commit, repository, target.include, target.exclude)
            target = replace(target, root=folder, database=None, probe_live=False, history_seconds=0.0)
            old = _audited(
                replace(request, target=target, given={"repository": repository_source(files)}),
                book,
                lambda text: progress(f"{text} at {ref}"),
            )
            before = _lenience(_config(folder), files, wanted.baseline(folder))
    except GitError as error:
        raise UsageError(f"--new-since {ref}: {error}") from error
    after = _lenience(request.config, repository, wanted.baseline(request.target.root))
    renames_of_rules = {name: page.id for page in book.pages for name in page.formerly}
    found = compared(old, report, renames, renames_of_rules, (files.files, repository.files), commits)
    comparison = found.comparison(ref, commit, weakened(before, after, book, renames))
    return report.model_copy(update={"findings": found.findings, "comparison": comparison})


def _audited(request: Request, book: Rulebook, progress: Callable[[str], None]) -> Report | None:
    """What an older revision came to; None where it held nothing to scan yet."""
    try:
        return audit.audit(request, book, progress)[0]
    except NothingToScan:
        return None


def _config(folder: Path) -> Config:
    """The settings of an older revision: none where they could not be used then."""
    try:
        return read_config(folder)
    except UsageError:
        return Config()


def _lenience(config: Config, repository: Repository, baseline: Baseline | None) -> Lenience:
    contract = config.settings.access_contract or CONTRACT
    files = {contract: repository.text(contract) or ""} if contract in repository.files else {}
    return Lenience(config, collect(config, repository), baseline.entries if baseline else (), files)


def _remembered(report: Report, request: Request, warn: Callable[[str], None]) -> Report:
    """The report with its trend, and the scan kept. That it cannot be kept is said, and is no fault of the target."""
    root = request.target.root
    present = scan_of(report, _scope(request), datetime.now(UTC).isoformat(timespec="seconds"))
    try:
        report = with_trend(report, read_scans(root), present)
        keep(root, present)
    except HistoryError as error:
        warn(f"this scan was not kept: {error}")
    return report


def _scope(request: Request) -> str:
    """What was looked at, in words: scans that looked at other things tell nothing of each other."""
    target = request.target
    words = [
        (not target.shadow, "no replay"),
        (target.database is not None, "a live database"),
        (target.history_seconds <= 0, "no git history"),
        (target.all_migrations, "all migrations"),
        (target.offline, "offline"),
        (bool(target.advisories), "local advisories"),
        (bool(target.include), f"only {', '.join(target.include)}"),
        (bool(target.exclude), f"without {', '.join(target.exclude)}"),
    ]
    return "; ".join(word for holds, word in words if holds)
