"""Installed packages that were published to do harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.audited import about, nothing_to_audit
from auditor.model import Answer, FileSpan, NotApplicable, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository


def _listing(packages: Packages) -> set[str]:
    """Ecosystems whose malware some source that answered would have named."""
    coverage = packages.advisories.coverage if packages.advisories else ()
    local = {ecosystem for part in coverage for ecosystem, count in part.malware.items() if count}
    return local | {key[0] for source in packages.answers if source.source == "OSV" for key in source.answered}


def ask(repository: Repository, packages: Packages) -> Iterator[Answer]:
    nothing_to_audit(repository, packages)
    listing = _listing(packages)
    said = [(package, about(package, packages)) for package in packages.packages]
    if not listing and not any(hit.malicious for _, found in said for hit in found.hits):
        raise NotApplicable("no source that was asked lists malicious packages")
    for package, found in said:
        place = FileSpan(package.path, package.line)
        bad = [hit for hit in found.hits if hit.malicious]
        for hit in bad:
            detail = f"{hit.id}: {hit.summary or 'the package is malware'} [{hit.source}]"
            yield Answer(
                package.subject, State.FAIL, detail, place, evidence=hit.id, aliases=tuple(sorted(hit.aliases))
            )
        if not bad and package.ecosystem in listing and (found.clean or found.hits):
            yield Answer(package.subject, State.OK, f"not listed as malware [{found.source}]", place)
