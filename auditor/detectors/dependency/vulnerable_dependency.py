"""Installed packages that an advisory is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.lockfiles import NPM, PYPI
from auditor.model import Answer, FileSpan, NotApplicable, Severity, State, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.advisories import Advisories
    from auditor.facts.lockfiles import Package
    from auditor.sources.packages import Packages
    from auditor.sources.pip_audit import PythonAudit
    from auditor.sources.repository import Repository

_SOURCE = "no advisory source was given: --advisories FOLDER|ZIP of OSV records audits the packages"
_LOCAL = "--advisories"


def ask(repository: Repository, packages: Packages) -> Iterator[Answer]:
    if not packages.lockfiles and not packages.unlocked and not _manifests(repository):
        raise NotApplicable("neither a manifest nor a lockfile of npm or Python was found")
    if not packages.lockfiles:
        raise Unavailable("there are manifests and no lockfile: which versions are installed is not known")
    if packages.advisories is None and not (packages.python and packages.python.answered):
        raise Unavailable(_reason(packages))
    for path, reason in packages.unread.items():
        yield Answer(f"lockfile {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    for path in packages.unlocked:
        reason = "no lockfile beside it or above it: which versions are installed is not known"
        yield Answer(f"manifest {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    npm = [package for package in packages.packages if packages.advisories is None and package.ecosystem == NPM]
    for path in sorted({package.path for package in npm}):
        yield Answer(f"npm packages of {path}", State.UNKNOWN, _SOURCE, FileSpan(path, 1))
    for package in packages.packages:
        yield from _about(package, packages)


def _reason(packages: Packages) -> str:
    """Why nothing is known: what was asked and did not answer, else that nobody was named who could."""
    unanswered = packages.python.unanswered if packages.python else {}
    if not unanswered or any(package.ecosystem == NPM for package in packages.packages):
        return "; ".join([_SOURCE, *sorted({*unanswered.values()})[:1]])
    return min(unanswered.values(), key=lambda reason: ("another registry" in reason, reason))


def _manifests(repository: Repository) -> bool:
    return any(path.rsplit("/", 1)[-1] in {"package.json", "deno.json"} for path in repository.files)


def _about(package: Package, packages: Packages) -> Iterator[Answer]:
    place = FileSpan(package.path, package.line)
    local = packages.advisories
    if package.ecosystem == PYPI and packages.python and not (local and local.records.get(PYPI)):
        yield from _online(package, packages.python, place)
    elif local and not local.records.get(package.ecosystem):
        reason = f"the advisory database holds no record for {package.ecosystem}"
        yield Answer(package.subject, State.UNKNOWN, reason, place)
    elif local:
        yield from _matched(package, local, place)


def _matched(package: Package, advisories: Advisories, place: FileSpan) -> Iterator[Answer]:
    try:
        found = advisories.concerning(package)
    except ValueError:
        yield Answer(package.subject, State.UNKNOWN, f"version {package.version} is not one of its ecosystem", place)
        return
    for advisory, fixed in found:
        severity = _lower(advisory.severity) if package.dev else advisory.severity
        detail = _detail(advisory.id, advisory.summary, fixed, package, _LOCAL)
        yield Answer(package.subject, State.FAIL, detail, place, severity=severity, evidence=advisory.id)
    if not found:
        yield Answer(package.subject, State.OK, f"no advisory [{_LOCAL}]", place)


def _online(package: Package, python: PythonAudit, place: FileSpan) -> Iterator[Answer]:
    """PyPI says what is wrong and what mends it, and nothing on how bad it is: the page's severity stands."""
    found = python.answered.get((package.name, package.version))
    if found is None:
        reason = python.unanswered.get((package.name, package.version), "not audited")
        yield Answer(package.subject, State.UNKNOWN, reason, place)
        return
    for item in found:
        severity = Severity.MEDIUM if package.dev else None
        detail = _detail(item.id, item.summary, item.fixed, package, python.source)
        yield Answer(package.subject, State.FAIL, detail, place, severity=severity, evidence=item.id)
    if not found:
        yield Answer(package.subject, State.OK, f"no advisory [{python.source}]", place)


def _detail(advisory: str, summary: str, fixed: str | None, package: Package, source: str) -> str:
    mended = f"; {fixed} mends it" if fixed else "; no version mends it yet"
    return f"{advisory}: {summary}{mended}{' (development only)' * package.dev} [{source}]"


def _lower(severity: Severity) -> Severity:
    """One level less: what only developers install is not reached by a request."""
    return list(Severity)[max(severity.rank - 1, 1)]
