"""Installed frameworks whose release gets no more mends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.end_of_life import support_of
from auditor.model import Answer, FileSpan, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository


def ask(_: Repository, packages: Packages) -> Iterator[Answer]:
    for package in packages.packages:
        support = support_of(package.ecosystem, package.name, package.version)
        if support is None or package.direct is False or package.dev:
            continue
        place = FileSpan(package.path, package.line)
        if support.ends >= packages.today:
            yield Answer(package.subject, State.OK, f"mended until {support.ends}", place)
        else:
            detail = f"{support.title} {support.release} has had no mends since {support.ends}"
            yield Answer(package.subject, State.FAIL, detail, place, evidence=f"{package.name} ended")
