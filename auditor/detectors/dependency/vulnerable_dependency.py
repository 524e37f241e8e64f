"""Installed packages that an advisory is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model import Answer, FileSpan, NotApplicable, Severity, State, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.lockfiles import Package
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

_SOURCE = "no advisory source was given: --advisories FOLDER|ZIP of OSV records audits the packages"


def ask(repository: Repository, packages: Packages) -> Iterator[Answer]:
    if not packages.lockfiles and not packages.unlocked and not _manifests(repository):
        raise NotApplicable("neither a manifest nor a lockfile of npm or Python was found")
    if not packages.lockfiles:
        raise Unavailable("there are manifests and no lockfile: which versions are installed is not known")
    if packages.advisories is None:
        raise Unavailable(_SOURCE)
    for path, reason in packages.unread.items():
        yield Answer(f"lockfile {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    for path in packages.unlocked:
        reason = "no lockfile beside it or above it: which versions are installed is not known"
        yield Answer(f"manifest {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    for package in packages.packages:
        yield from _about(package, packages)


def _manifests(repository: Repository) -> bool:
    return any(path.rsplit("/", 1)[-1] in {"package.json", "deno.json"} for path in repository.files)


def _about(package: Package, packages: Packages) -> Iterator[Answer]:
    place = FileSpan(package.path, package.line)
    assert packages.advisories
    if not packages.advisories.records.get(package.ecosystem):
        reason = f"the advisory database holds no record for {package.ecosystem}"
        yield Answer(package.subject, State.UNKNOWN, reason, place)
        return
    try:
        found = packages.advisories.concerning(package)
    except ValueError:
        yield Answer(package.subject, State.UNKNOWN, f"version {package.version} is not one of its ecosystem", place)
        return
    for advisory, fixed in found:
        mended = f"; {fixed} mends it" if fixed else "; no version mends it yet"
        scope = " (development only)" if package.dev else ""
        severity = _lower(advisory.severity) if package.dev else advisory.severity
        detail = f"{advisory.id}: {advisory.summary}{mended}{scope}"
        yield Answer(package.subject, State.FAIL, detail, place, severity=severity, evidence=advisory.id)
    if not found:
        yield Answer(package.subject, State.OK, "no advisory", place)


def _lower(severity: Severity) -> Severity:
    """One level less: what only developers install is not reached by a request."""
    return list(Severity)[max(severity.rank - 1, 1)]
