"""Local databases of advisories that are too old to clear anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model import Answer, NotApplicable, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository


def ask(_: Repository, packages: Packages) -> Iterator[Answer]:
    if packages.advisories is None:
        raise NotApplicable("no local database of advisories was given")
    used = {package.ecosystem for package in packages.packages}
    for ecosystem, count in sorted(packages.advisories.records.items()):
        if ecosystem in used:
            subject, reason = f"database of {ecosystem} advisories", packages.stale.get(ecosystem)
            state = State.FAIL if reason else State.OK
            yield Answer(
                subject, state, reason or f"{count} records, young enough", evidence="too old" if reason else ""
            )
