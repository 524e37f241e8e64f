"""Packages whose content the lockfile does not pin by a hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.audited import line_answer, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository


def ask(_: Repository, packages: Packages) -> Iterator[Answer]:
    for locked in packages.locked:
        known = [package for package in locked.packages if package.integrity is not None]
        bare = [package for package in known if not package.integrity]
        if not known:
            continue
        names = listed(f"{package.name}@{package.version}" for package in bare)
        fault = f"{len(bare)} of {len(known)} packages have no hash: {names}" if bare else ""
        line = min((package.line for package in bare), default=1)
        yield line_answer(f"lockfile {locked.path}", locked.path, line, fault, evidence="no hash")
