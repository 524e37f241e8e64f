"""Dependencies whose range takes any version that will ever be published."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.detectors.audited import line_answer
from auditor.detectors.dependency.lockfile_missing import is_locked
from auditor.facts.lock_graph import NPM
from auditor.facts.lock_specifiers import is_specifying, remote_imports
from auditor.facts.units import is_example, is_test, is_vendored
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.lock_manifests import Wanted
    from auditor.model import Answer
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

_ANY = {"", "*", "x", "latest", "next", "canary", "beta", "alpha", "rc", ">=0", ">=0.0.0"}
_LOCAL = ("workspace:", "catalog:", "file:", "link:", "portal:", "npm:", "patch:", "jsr:", "path+", "file+")


def ask(repository: Repository, packages: Packages) -> Iterator[Answer]:
    members = {manifest.name for manifest in packages.manifests if manifest.name}
    for manifest in packages.manifests:
        locked = bool(manifest.wanted) and is_locked(manifest.path, repository, packages)
        for wanted in manifest.wanted:
            if wanted.name in members or wanted.spec.startswith(_LOCAL):
                continue
            fault = _fault(wanted, npm=manifest.ecosystem == NPM, locked=locked)
            severity = Severity.INFO if locked or wanted.dev else None
            subject = f"requirement {manifest.path}:{wanted.name}"
            yield line_answer(subject, manifest.path, wanted.line, fault, severity, "open range")
    yield from _remote(repository, packages)


def _remote(repository: Repository, packages: Packages) -> Iterator[Answer]:
    """What Deno and edge functions import with their address; a deno.lock beside or above them pins it."""
    locks = {PurePosixPath(path).parent for path in packages.lockfiles if path.endswith("deno.lock")}
    for path in repository.files:
        if not is_specifying(path) or is_test(path) or is_example(path) or is_vendored(path):
            continue
        locked = not locks.isdisjoint(PurePosixPath(path).parents)
        for one in remote_imports(path, repository.text(path) or ""):
            loose = f"`@{one.version}` takes the newest of its kind" if one.version else "no version at all takes any"
            fault = "" if one.is_pinned or locked else f"{loose} at each deployment: no deno.lock beside it"
            severity = Severity.INFO if one.version else Severity.LOW
            yield line_answer(f"import {path}:{one.name}", path, one.line, fault, severity, "open import")


def _fault(wanted: Wanted, *, npm: bool, locked: bool) -> str:
    spec = wanted.spec.strip()
    if spec.lower() in _ANY and (npm or not locked):
        shown = f"`{spec}` takes" if spec else "no range at all takes"
        return f"{shown} any version" + (
            " the next time that the lockfile is renewed" if locked else " at each install"
        )
    if not locked and re.fullmatch(r">=?\s*[\w.]+", spec):
        return f"`{spec}` has no upper end: a later major version is taken at the next install"
    return ""
