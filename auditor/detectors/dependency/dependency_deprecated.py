"""Direct dependencies that their maintainers gave up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.audited import line_answer
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository


def ask(_: Repository, packages: Packages) -> Iterator[Answer]:
    for locked in packages.locked:
        if not any(package.deprecated for package in locked.packages):
            continue  # most formats do not say, and what they do not say is no pass
        for package in locked.packages:
            if package.direct:
                fault = f"its maintainers say: {package.deprecated}" if package.deprecated else ""
                severity = Severity.INFO if package.dev else None
                yield line_answer(package.subject, package.path, package.line, fault, severity, "deprecated")
