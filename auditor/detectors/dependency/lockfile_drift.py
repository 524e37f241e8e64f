"""Manifests that ask for something else than their lockfile holds."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.detectors.audited import line_answer, lock_of
from auditor.facts.lock_graph import NPM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.lock_manifests import Manifest, Wanted
    from auditor.facts.lockfiles import Locked
    from auditor.model import Answer
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

_RANGE = re.compile(r"[\^~<>=|v\s]*\d[\w.^~<>=|*+\s-]*")
_MAX_SPEC = 100
_PYTHON = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"}


def ask(_: Repository, packages: Packages) -> Iterator[Answer]:
    for manifest in packages.manifests:
        locked = lock_of(manifest, packages)
        if locked is None or not manifest.wanted or not locked.roots or not _repeats(locked):
            continue
        elsewhere = manifest.overrides | locked.overrides | _root_overrides(locked, packages)
        listed = [wanted for wanted in manifest.wanted if wanted.name not in elsewhere]
        faults = [(wanted, fault) for wanted in listed if (fault := _fault(wanted, manifest, locked))]
        line = faults[0][0].line if faults else 1
        said = "; ".join(fault for _, fault in faults[:4])
        more = f" and {len(faults) - 4} more" if len(faults) > 4 else ""  # noqa: PLR2004 - as many as are told
        yield line_answer(f"manifest {manifest.path}", manifest.path, line, said + more, evidence="drift")


def _root_overrides(locked: Locked, packages: Packages) -> frozenset[str]:
    """What the manifest beside the lockfile sets for the whole workspace."""
    folder = PurePosixPath(locked.path).parent.as_posix().removeprefix(".")
    found = (m.overrides for m in packages.manifests if m.folder == folder and m.ecosystem == locked.ecosystem)
    return next(found, frozenset())


def _repeats(locked: Locked) -> bool:
    """Formats that hold everything that a manifest asks for, for every platform."""
    return locked.ecosystem == NPM or PurePosixPath(locked.path).name in _PYTHON


def _fault(wanted: Wanted, manifest: Manifest, locked: Locked) -> str:
    npm = manifest.ecosystem == NPM
    if (
        wanted.optional
        or wanted.name == manifest.name
        or not (_is_range(wanted.spec) if npm else _is_plain(wanted.spec))
    ):
        return ""
    folder = PurePosixPath(locked.path).parent.as_posix().removeprefix(".")
    inner = manifest.folder.removeprefix(f"{folder}/" if folder else "") if manifest.folder != folder else ""
    taken = [root for root in locked.roots or () if root.folder == inner and root.name == wanted.name]
    if not taken:
        return f"{wanted.name} is asked for and is not in {locked.path}"
    key = taken[0].key
    version = locked.versions.get(key, ("", "", ""))[1] if key else ""
    if key is None:
        return f"{wanted.name} {wanted.spec} is asked for and {locked.path} holds no version of it"
    if version and not (_satisfies if npm else _satisfies_python)(version, wanted.spec):
        return f"{wanted.name} {wanted.spec} is asked for and {locked.path} holds {version}"
    return ""


def _is_range(spec: str) -> bool:
    return len(spec) <= _MAX_SPEC and bool(_RANGE.fullmatch(spec.strip())) and any(c.isdigit() for c in spec)


def _satisfies(version: str, spec: str) -> bool:
    """By npm's own rules; a range that cannot be read is no fault."""
    from semantic_version import NpmSpec, Version

    try:
        return bool(NpmSpec(re.sub(r"([<>=~^]+)\s+", r"\1", spec.strip())).match(Version(version)))
    except ValueError:
        return True


def _is_plain(spec: str) -> bool:
    return len(spec) <= _MAX_SPEC and not spec.startswith(("@", "git+", "url+", "path+", "file+"))


def _satisfies_python(version: str, spec: str) -> bool:
    """By PEP 440; poetry's own signs, or a range that cannot be read, are no fault."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(spec if spec != "*" else "").contains(version, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return True
