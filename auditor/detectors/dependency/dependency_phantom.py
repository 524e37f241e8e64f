"""Packages that code imports and its manifest does not declare: another package happens to bring them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.audited import line_answer, lock_of
from auditor.facts.lock_graph import NPM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.lock_manifests import Manifest
    from auditor.model import Answer
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

_COMPILED = {"server-only", "client-only"}  # Next.js brings them itself


def ask(_: Repository, packages: Packages) -> Iterator[Answer]:
    manifests = [manifest for manifest in packages.manifests if manifest.ecosystem == NPM]
    by_folder = {manifest.folder: manifest for manifest in manifests}
    transitive = {
        (package.path, package.name)
        for package in packages.packages
        if package.ecosystem == NPM and package.direct is False
    }
    locks = {manifest.folder: lock_of(manifest, packages) for manifest in manifests}
    seen: set[str] = set()
    for name, uses in sorted(packages.imports.npm.items()):
        for use in uses:
            holder = _holder(use.path, by_folder)
            locked = locks[holder.folder] if holder else None
            subject = f"import {holder.path}:{name}" if holder else ""
            if holder is None or locked is None or use.types or subject in seen or name in _COMPILED:
                continue
            seen.add(subject)
            declared = name == holder.name or any(name in _names(m) for m in _above(use.path, by_folder))
            if declared:
                yield line_answer(subject, use.path, use.line, "")
            elif (locked.path, name) in transitive:
                fault = f"{name} is imported here, and {holder.path} does not declare it: another package brings it in"
                yield line_answer(subject, use.path, use.line, fault, evidence=name)


def _names(manifest: Manifest) -> set[str]:
    return {wanted.name for wanted in manifest.wanted} | manifest.peers


def _above(path: str, by_folder: dict[str, Manifest]) -> Iterator[Manifest]:
    """Manifests of the file's folder and all above: what they declare is found from the file."""
    parts = path.split("/")[:-1]
    for length in range(len(parts), -1, -1):
        if manifest := by_folder.get("/".join(parts[:length])):
            yield manifest


def _holder(path: str, by_folder: dict[str, Manifest]) -> Manifest | None:
    return next(_above(path, by_folder), None)
