"""Packages under a licence that the project's settings deny."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.audited import line_answer
from auditor.facts.licences import denied_part
from auditor.model import Answer, FileSpan, NotApplicable, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.lock_graph import Package
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository


def ask(_: Repository, packages: Packages) -> Iterator[Answer]:
    if not packages.denied:
        raise NotApplicable("no licence is denied: `denied-licences` of the settings names them")
    for locked in packages.locked:
        carries = any(package.licence for package in locked.packages)
        if locked.packages and not carries:
            place = FileSpan(locked.path, 1)
            reason = "the lockfile carries no licences: nothing says what its packages are under"
            yield Answer(f"lockfile {locked.path}", State.UNKNOWN, reason, place)
        for package in locked.packages if carries else ():
            if not package.dev:
                yield _about(package, packages.denied)


def _about(package: Package, denied: tuple[str, ...]) -> Answer:
    if not package.licence:
        reason = "the lockfile names no licence for it"
        return Answer(package.subject, State.UNKNOWN, reason, FileSpan(package.path, package.line))
    part = denied_part(package.licence, denied)
    fault = f"it is under {package.licence[:60]}, and {part} is denied" if part else ""
    return line_answer(package.subject, package.path, package.line, fault, evidence="licence")
