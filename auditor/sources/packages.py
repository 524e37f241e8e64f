"""The packages that lockfiles install, and the local advisory database they are matched against."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.advisories import Advisories
from auditor.facts.lockfiles import PYPI, LockfileError, Package, is_lockfile, loose_requirements, read_lockfile
from auditor.facts.units import is_example, is_test, is_vendored
from auditor.model import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import ExitStack

    from auditor.sources.pip_audit import PythonAudit
    from auditor.sources.repository import Repository

_DEPENDS = re.compile(
    r"^\s*dependencies\s*=\s*\[\s*[\"']|^\[tool\.poetry\.dependencies\]|^\[packages\]|install_requires", re.MULTILINE
)
_MAX_RECORD = 2_000_000
_MAX_RECORDS = 500_000
_MAX_TOTAL = 4_000_000_000


@dataclass(slots=True)
class Packages:
    """What is installed. `unread` maps lockfiles to the reason why their packages are not known, `unlocked` are
    Python manifests with dependencies and no lockfile, `advisories` is None when none were given, `python` when there
    was nothing to ask PyPI about.
    """

    packages: list[Package] = field(default_factory=list)
    lockfiles: list[str] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    unlocked: list[str] = field(default_factory=list)
    advisories: Advisories | None = None
    python: PythonAudit | None = None


def read_packages(repository: Repository, advisories: tuple[str, ...] | None) -> Packages:
    """Every lockfile of the repository, and the databases named on the command line. Raises Unavailable."""
    found = Packages(advisories=read_advisories(advisories) if advisories else None)
    for path in (*repository.files, *sorted(repository.skipped)):
        if is_lockfile(path) and not (is_vendored(path) or is_test(path) or is_example(path)):
            found.lockfiles.append(path)
            text = repository.text(path)
            if text is None:
                found.unread[path] = repository.skipped.get(path, "cannot be read")
                continue
            try:
                found.packages += read_lockfile(path, text)
            except LockfileError as reason:
                found.unread[path] = str(reason)
            if loose := loose_requirements(path, text):
                found.unread[path] = loose
    found.unlocked = [path for path in repository.files if _is_unlocked(path, repository, found.lockfiles)]
    return found


def audit_online(found: Packages, stack: ExitStack, *, offline: bool = False) -> Packages:
    """The same, with PyPI asked about its packages where no local database covers them; only public ones are sent."""
    from auditor.sources.pip_audit import HINT, PythonAudit, audit_python

    locked = {p.public: set[tuple[str, str]]() for p in found.packages}
    for package in found.packages:
        if package.ecosystem == PYPI:
            locked[package.public].add((package.name, package.version))
    if not any(locked.values()) or (found.advisories and found.advisories.records.get(PYPI)):
        return found
    public, other = locked.get(True, set()), locked.get(False, set())
    audited = PythonAudit() if offline or not public else audit_python(public, stack)
    if offline:
        audited.unanswered |= dict.fromkeys(public, f"not audited: --offline forbids to ask PyPI; {HINT}")
    audited.unanswered |= dict.fromkeys(
        other - public, f"not audited: it comes from another registry than PyPI; {HINT}"
    )
    return replace(found, python=audited)


def _is_unlocked(path: str, repository: Repository, lockfiles: list[str]) -> bool:
    """Whether a Python manifest names dependencies and neither its folder nor one above it holds a lockfile."""
    place = PurePosixPath(path)
    if (
        place.name not in {"pyproject.toml", "Pipfile", "setup.py"}
        or is_vendored(path)
        or is_test(path)
        or is_example(path)
    ):
        return False
    above = {place.parent, *place.parent.parents}
    locked = any(
        PurePosixPath(p).parent in above and PurePosixPath(p).suffix not in {".json", ".yaml"} for p in lockfiles
    )
    return not locked and bool(_DEPENDS.search(repository.text(path) or ""))


def read_advisories(sources: Iterable[str]) -> Advisories:
    """OSV records of folders and zip files; a record that does not parse costs that record, and is counted."""
    database = Advisories()
    for source in sources:
        place = Path(source)
        if not place.exists():
            raise Unavailable(f"--advisories {source}: no such file or folder")
        for name, data in _folder(place) if place.is_dir() else _zip(place):
            try:
                database.add(json.loads(data))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                database.refused.append(name)
    if not database.records:
        raise Unavailable(f"--advisories: no readable OSV record for npm or PyPI ({len(database.refused)} refused)")
    return database


def _folder(place: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(place.rglob("*.json")):
        if path.is_file() and path.stat().st_size <= _MAX_RECORD:
            yield path.name, path.read_bytes()
        else:
            yield path.name, b""


def _zip(place: Path) -> Iterator[tuple[str, bytes]]:
    """Members are read into memory one by one, never extracted: a name such as `../x` leads nowhere."""
    total = 0
    try:
        with zipfile.ZipFile(place) as archive:
            for member in archive.infolist()[:_MAX_RECORDS]:
                total += member.file_size
                if total > _MAX_TOTAL:
                    raise Unavailable(f"--advisories {place.name}: unpacks to more than {_MAX_TOTAL // 10**9} GB")
                if PurePosixPath(member.filename).suffix == ".json":
                    yield member.filename, _member(archive, member)
    except zipfile.BadZipFile as error:
        raise Unavailable(f"--advisories {place.name}: not a folder and not a zip file") from error


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        data = file.read(_MAX_RECORD + 1)  # what the header says of the size need not be true
    return data if len(data) <= _MAX_RECORD else b""
