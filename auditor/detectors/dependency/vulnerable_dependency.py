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
    del repository
    if not packages.lockfiles:
        raise NotApplicable("no lockfile was found, so no package is known to be installed")
    if packages.advisories is None:
        raise Unavailable(_SOURCE)
    for path, reason in packages.unread.items():
        yield Answer(f"lockfile {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    for package in packages.packages:
        yield from _about(package, packages)


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
