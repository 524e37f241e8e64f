"""Python packages in a version that its authors took back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.audited import line_answer
from auditor.facts.advisory_answers import key_of
from auditor.model import Answer, FileSpan, NotApplicable, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository


def ask(_: Repository, packages: Packages) -> Iterator[Answer]:
    if packages.yanked is None:
        raise NotApplicable("PyPI was not asked: this needs a connection")
    for package in packages.packages:
        key = key_of(package)
        if key in packages.yanked.unanswered:
            reason = packages.yanked.unanswered[key]
            yield Answer(package.subject, State.UNKNOWN, reason, FileSpan(package.path, package.line))
        elif key in packages.yanked.answered:
            hits = packages.yanked.answered[key]
            told = f": {hits[0].summary}" if hits and hits[0].summary else ""
            fault = f"its authors took this release back{told}" if hits else ""
            yield line_answer(package.subject, package.path, package.line, fault, evidence="yanked")
