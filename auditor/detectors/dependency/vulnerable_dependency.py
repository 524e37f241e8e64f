"""Installed packages that an advisory is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.audited import about, nothing_to_audit, summed_up, unanswered
from auditor.facts.imports_index import reach
from auditor.facts.lock_graph import NPM
from auditor.model import Answer, FileSpan, Severity, State, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.advisory_answers import Hit
    from auditor.facts.lock_graph import Package
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

_UNLOCKED = "no lockfile beside it or above it: which versions are installed is not known"


def ask(repository: Repository, packages: Packages) -> Iterator[Answer]:
    nothing_to_audit(repository, packages)
    if not packages.lockfiles and not packages.packages:
        raise Unavailable("there are manifests and no lockfile: which versions are installed is not known")
    if not any(source.answered for source in packages.answers) and (reason := unanswered(packages)):
        raise Unavailable(reason)
    for path, reason in packages.unread.items():
        yield Answer(f"lockfile {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    for path in packages.unlocked:
        yield Answer(f"manifest {path}", State.UNKNOWN, _UNLOCKED, FileSpan(path, 1))
    yield from _others(packages)
    silent = summed_up(packages)
    for package in packages.packages:
        if package.path not in silent:
            yield from _about(package, packages)
    for path, reason in silent.items():
        kind = "npm" if any(p.ecosystem == NPM for p in packages.packages if p.path == path) else "Python"
        yield Answer(f"{kind} packages of {path}", State.UNKNOWN, reason, FileSpan(path, 1))


def _others(packages: Packages) -> Iterator[Answer]:
    """What has no advisories: production's own choices are unknown, what came along is counted in the evidence."""
    for package in packages.others:
        if packages.complete or (package.direct is not False and not package.dev):
            reason = f"not audited: it comes from {_ORIGINS.get(package.origin, package.origin)}, not from a registry"
            subject = package.subject if package.version else f"package {package.ecosystem}:{package.name}"
            yield Answer(subject, State.UNKNOWN, reason, FileSpan(package.path, package.line))


_ORIGINS = {
    "git": "a git repository",
    "url": "an address",
    "folder": "an archive in the repository",
    "other registry": "JSR, which has no advisories",
}


def _about(package: Package, packages: Packages) -> Iterator[Answer]:
    place = FileSpan(package.path, package.line)
    said = about(package, packages)
    hits = [hit for hit in said.hits if not hit.malicious]
    for hit in sorted(hits, key=lambda hit: reach(package, hit, packages.imports)[0]):
        yield Answer(
            package.subject,
            State.FAIL,
            _detail(hit, package, packages),
            place,
            severity=_severity(hit, package),
            evidence=hit.id,
            aliases=tuple(sorted(hit.aliases)),
            order=reach(package, hit, packages.imports)[0],
        )
    if said.hits:
        return
    if said.clean:
        yield Answer(package.subject, State.OK, f"no advisory [{said.source}]", place)
    elif packages.complete or package.public or (package.direct is not False and not package.dev):
        yield Answer(package.subject, State.UNKNOWN, said.reason, place)


def _severity(hit: Hit, package: Package) -> Severity | None:
    """The advisory's own, else the page's; one level less for what only developers install: no request reaches it."""
    if not package.dev:
        return hit.severity
    return list(Severity)[max((hit.severity or Severity.HIGH).rank - 1, Severity.LOW.rank)]


def _detail(hit: Hit, package: Package, packages: Packages) -> str:
    mended = f"; {hit.fixed} mends it" if hit.fixed else "; no version mends it yet"
    aliases = sorted(name for name in hit.aliases if name.startswith("CVE-"))[:2]
    also = f" ({', '.join(aliases)})" if aliases else ""
    return f"{hit.id}{also}: {hit.summary}{mended}; {reach(package, hit, packages.imports)[1]} [{hit.source}]"
