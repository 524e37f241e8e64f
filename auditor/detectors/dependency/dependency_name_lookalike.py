"""Direct dependencies whose name is one letter away from a well-known one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from auditor.data import data_folder
from auditor.detectors.audited import line_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

_SHORTEST = 5  # shorter names are near to each other by chance
_LONGEST = 40
_LOCAL = ("workspace:", "file:", "link:", "portal:", "catalog:")


def ask(_: Repository, packages: Packages) -> Iterator[Answer]:
    popular = _popular()
    members = {manifest.name for manifest in packages.manifests}
    for manifest in packages.manifests:
        for wanted in manifest.wanted:
            if wanted.name in members or wanted.spec.startswith(_LOCAL) or wanted.name.startswith("@"):
                continue
            near = _near(wanted.name, popular)
            fault = f"{wanted.name} is one letter away from {near}: is it the package that was meant?" if near else ""
            subject = f"requirement {manifest.path}:{wanted.name}"
            yield line_answer(subject, manifest.path, wanted.line, fault, evidence=f"near {near}" if near else "")


@cache
def _popular() -> frozenset[str]:
    text = (data_folder("rules") / "dependency" / "popular.txt").read_text("utf-8")
    return frozenset(name for line in text.splitlines() if not line.startswith("#") for name in line.split())


def _near(name: str, popular: frozenset[str]) -> str:
    """The well-known name that one letter more, less, other, or two letters swapped would make of this one."""
    if name in popular or not _SHORTEST <= len(name) <= _LONGEST:
        return ""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789-_."
    for position in range(len(name) + 1):
        before, after = name[:position], name[position:]
        candidates = [before + letter + after for letter in letters]
        if after:
            candidates += [before + after[1:], *(before + letter + after[1:] for letter in letters)]
        if len(after) > 1:
            candidates.append(before + after[1] + after[0] + after[2:])
        for candidate in candidates:
            if candidate in popular and len(candidate) >= _SHORTEST:
                return candidate
    return ""
