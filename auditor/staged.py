"""What the next commit adds: the rules that judge a file by itself, put to what is staged and to what HEAD has of it.

A rule that reads across files, a package's lock or a replayed database is not asked: of a few files it would say wrong
things. A staged migration is read together with those before it. Only what is new stands in the report.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.audit import Request, audit
from auditor.changes import compared
from auditor.config import FILE_NAME, read_config
from auditor.facts.histories import find_histories
from auditor.gate import NEW, decide_report
from auditor.lanes import repository_source
from auditor.model import Kind, NothingToScan, UsageError
from auditor.parsed import PARSED_RULES, parsed_databases
from auditor.plan import Source
from auditor.sources.git_folder import GitError
from auditor.sources.repository import read_repository
from auditor.sources.revisions import staged

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from auditor.database_lanes import Databases
    from auditor.report import Finding, Report
    from auditor.rulebook import Rulebook
    from auditor.sources.repository import Repository
    from auditor.sources.revisions import Staged

# Rules of other kinds that look at one file at a time; a test holds each to that.
SINGLE_FILE = frozenset({
    "auth-config-weak", "code-evaluation", "compose-database-published", "cookie-flags-missing",
    "cors-origin-loosely-matched", "cors-wildcard-with-credentials", "debug-mode-enabled",
    "directory-query-injection", "dockerfile-runs-as-root", "empty-catch", "error-details-leaked",
    "hardcoded-signing-secret", "insecure-random-for-secret", "jwt-claims-or-algorithm-loose", "open-redirect",
    "password-fast-hash", "path-traversal", "postgrest-filter-injection",
    "regular-expression-from-input", "secret-compare-not-constant-time", "server-side-request-forgery",
    "server-side-template-injection", "sql-in-route-handler", "template-html-injection", "tls-version-outdated",
    "weak-cryptography", "weak-secret-fallback", "xml-external-entities",
})  # fmt: skip
_NOTE = "only what is staged was looked at, by the rules that judge a file by itself; `scan` asks the others"


def rules_of_files(book: Rulebook, only: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The rules that judge a file by itself, as far as they are asked for."""
    wanted = SINGLE_FILE | PARSED_RULES
    found = [
        page
        for page in book.pages
        if page.id in wanted or (page.kind is Kind.SECRET and page.id != "secret-in-git-history")
    ]
    named = {p.id for name in only if (p := book.page(name))}
    chosen = [p for p in found if not only or p.id in named or {p.kind.value, p.control} & set(only)]
    if not chosen:
        raise UsageError("--changed: none of the rules of --only judges a file by itself")
    return tuple(page.id for page in chosen)


def audit_staged(request: Request, book: Rulebook) -> tuple[Report, Repository]:
    """What the next commit adds. Raises UsageError, and NothingToScan where nothing is staged that a rule reads."""
    only = rules_of_files(book, request.only)
    try:
        with staged(request.target.root) as found:
            now, repository = _audited(request, book, only, found, found.after)
            then = _earlier(request, book, only, found)
            formerly = {name: page.id for page in book.pages for name in page.formerly}
            files = (tuple(repository.files), tuple(repository.files))
            changes = compared(then, now, found.renames, formerly, files)
            report = _only_new(now, changes.findings, request)
            comparison = changes.comparison("HEAD", found.commit, ())
            return report.model_copy(update={"comparison": comparison}), repository
    except GitError as error:
        raise UsageError(f"--changed: {error}") from error


def _audited(
    request: Request, book: Rulebook, only: tuple[str, ...], found: Staged, folder: Path
) -> tuple[Report, Repository]:
    """The settings are those of the index, on both sides; files that are there beside are not looked at themselves."""
    target = request.target
    everything = read_repository(folder, target.include, target.exclude)
    everything.tracked = frozenset(everything.files)
    names = found.paths | found.renames.keys()
    files = replace(everything, files=tuple(path for path in everything.files if path in names), commit=found.commit)
    given = {"repository": repository_source(files), "databases": _databases(everything, found, names)}
    target = replace(target, root=folder, shadow=False, database=None, history_seconds=0.0)
    request = replace(request, target=target, config=read_config(found.after), only=only, given=given)
    report, _ = audit(request, book)
    return report.model_copy(update={"findings": [f for f in report.findings if _concerns(f, names)]}), files


def _concerns(finding: Finding, names: Collection[str]) -> bool:
    """Earlier migrations are read and not judged; and of what use a suppression of the settings is, few files tell."""
    path = finding.location.path if finding.location else ""
    unsettled = finding.rule.startswith("suppression-") and path in {FILE_NAME, "pyproject.toml"}
    return path in names and not unsettled


def _databases(everything: Repository, found: Staged, names: frozenset[str]) -> Source:
    """The histories that one of the files belongs to; where all of them are new, there was none before."""

    def load(*_: object) -> Databases:
        histories = find_histories(everything.files, everything.units, everything.text)
        touched = tuple(h for h in histories.histories if not names.isdisjoint(h.files))
        applied = frozenset() if found.applied is None else found.applied
        return parsed_databases(replace(histories, histories=touched), applied)

    return Source((), load, lambda _: ("available", {"read": "as text, not run"}, None))


def _earlier(request: Request, book: Rulebook, only: tuple[str, ...], found: Staged) -> Report | None:
    try:
        return _audited(request, book, only, found, found.before)[0]
    except NothingToScan:
        return None


def _only_new(report: Report, findings: list[Finding], request: Request) -> Report:
    """What was there before is not this commit's; nor do a few files tell what else is unknown."""
    gate = request.gate
    level = gate.fail_on_new or gate.fail_on
    gate = replace(gate, fail_on=None, fail_on_new=level, min_grade=None, min_coverage=None, require=())
    gate = replace(gate, allow_unknown=("all",), notes=(*gate.notes, _NOTE))
    fresh = [finding for finding in findings if finding.change in NEW]
    report = report.model_copy(update={"findings": fresh})
    return report.model_copy(update={"gate": decide_report(gate, report)})
