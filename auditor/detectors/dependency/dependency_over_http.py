"""Packages that a lockfile fetches without encryption."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.audited import line_answer, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

_CLEAR = re.compile(r"(?:git\+)?http://(?!localhost|127\.|\[::1\])|git://")


def ask(_: Repository, packages: Packages) -> Iterator[Answer]:
    for locked in packages.locked:
        every = [*locked.packages, *locked.others]
        if not any(package.resolved for package in every):
            continue
        clear = [package for package in every if _CLEAR.match(package.resolved)]
        names = listed(f"{package.name}@{package.version}" for package in clear)
        fault = f"{len(clear)} packages are fetched without encryption: {names}" if clear else ""
        line = min((package.line for package in clear), default=1)
        yield line_answer(f"lockfile {locked.path}", locked.path, line, fault, evidence="http")
