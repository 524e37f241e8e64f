"""Production packages whose licence nobody can name, or which forbids what a service does with them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.audited import line_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

_UNCLEAR = re.compile(r"UNLICEN[SC]ED|SEE LICEN[SC]E|UNKNOWN|NOASSERTION|proprietary|commercial", re.IGNORECASE)
_SERVICE = re.compile(r"\b(?:AGPL|SSPL|BUSL|Elastic-2|CC-BY-NC)", re.IGNORECASE)


def ask(_: Repository, packages: Packages) -> Iterator[Answer]:
    for locked in packages.locked:
        if sum(bool(package.licence) for package in locked.packages) * 2 < len(locked.packages):
            continue  # a format, or a generation of it, that does not carry licences
        for package in locked.packages:
            if not package.dev:
                fault = _fault(package.licence)
                yield line_answer(package.subject, package.path, package.line, fault, evidence="licence")


def _fault(licence: str) -> str:
    if not licence:
        return "the lockfile names no licence for it"
    if _UNCLEAR.search(licence):
        return f"its licence is given as {licence[:60]!r}"
    other = any(not _SERVICE.search(part) for part in re.split(r"\bOR\b|/", licence))
    return f"{licence[:60]} binds who offers it as a service" if _SERVICE.search(licence) and not other else ""
