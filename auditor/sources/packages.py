"""The packages that lockfiles install, and what the sources of advisories say about them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.advisories import LOCAL, Advisories
from auditor.facts.advisory_answers import Answers, key_of
from auditor.facts.imports_index import Imports
from auditor.facts.lock_graph import FOLDER, NPM, PYPI, LockfileError, Package, is_public
from auditor.facts.lock_manifests import MANIFESTS, Manifest, read_manifest
from auditor.facts.lock_specifiers import is_specifying, pinned_in_code
from auditor.facts.lockfiles import Locked, ecosystem_of, is_lockfile, read_lock
from auditor.facts.units import is_example, is_test, is_vendored
from auditor.sources.advisory_files import read_advisories
from auditor.sources.imports_kept import imports_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import ExitStack

    from auditor.sources.advisory_online import Endpoints
    from auditor.sources.repository import Repository
    from auditor.sources.store import Store

_ARCHIVE = re.compile(r"\.(?:tgz|tar\.gz|zip|whl)(?:$|[#?])")
_MAX_AGE = 7.0  # days
_PYTHON_DEPENDS = re.compile(r"install_requires", re.MULTILINE)


@dataclass(slots=True)
class Packages:
    """What is installed, and what was said about it.

    `others` come from where no advisory is about them. `unread` maps lockfiles to the reason why their packages are not
    (wholly) known, `unlocked` are Python manifests with dependencies and no lockfile. `advisories` is None when none
    were given; `stale` says per ecosystem why a database is too old to prove anything.
    """

    packages: list[Package] = field(default_factory=list)
    others: list[Package] = field(default_factory=list)
    lockfiles: list[str] = field(default_factory=list)
    locked: list[Locked] = field(default_factory=list)
    manifests: list[Manifest] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    unlocked: list[str] = field(default_factory=list)
    advisories: Advisories | None = None
    stale: dict[str, str] = field(default_factory=dict)
    answers: list[Answers] = field(default_factory=list)
    imports: Imports = field(default_factory=Imports)
    complete: bool = False
    today: date = date.min
    denied: tuple[str, ...] = ()
    yanked: Answers | None = None

    def counted(self) -> tuple[int, int]:
        """How many packages some source answered for, and how many there are."""
        answered = {key for source in self.answers for key in source.answered}
        known = {key_of(package) for package in self.packages}
        more = {key_of(package) for package in self.others}
        return len(known & answered), len(known | more)


def read_packages(
    repository: Repository,
    advisories: tuple[str, ...] | None,
    *,
    max_age: float = _MAX_AGE,
    complete: bool = False,
    now: datetime | None = None,
    kept: Store | None = None,
) -> Packages:
    """Every lockfile of the repository, and the databases named on the command line. Raises Unavailable."""
    now = now or datetime.now(UTC)
    found = Packages(complete=complete, today=now.date())
    found.manifests = [m for path in repository.files if (m := _manifest(path, repository))]
    paths = [p for p in (*repository.files, *sorted(repository.skipped)) if is_lockfile(p) and _counts(p)]
    for path in paths:
        _read(path, paths, repository, found)
    found.unlocked = [path for path in repository.files if _is_unlocked(path, repository, found)]
    code = [path for path in repository.files if _counts(path)]
    found.packages += _pinned(code, repository, found)
    found.imports = imports_of(repository, code if found.packages else (), kept)
    if advisories:
        wanted = {(package.ecosystem, package.name) for package in found.packages}
        found.advisories = read_advisories(advisories, wanted)
        _match(found, max_age, now)
    return found


def _counts(path: str) -> bool:
    return not (is_vendored(path) or is_test(path) or is_example(path))


def _pinned(code: Iterable[str], repository: Repository, found: Packages) -> list[Package]:
    """Packages that edge functions and Deno name in an import, as far as no lockfile holds the very same."""
    locked = {key_of(package) for package in found.packages}
    named = (p for path in code if is_specifying(path) for p in pinned_in_code(path, repository.text(path) or ""))
    listed: dict[tuple[str, str, str], Package] = {}
    for package in named:
        listed.setdefault(key_of(package), package)
    return [listed[key] for key in sorted(listed.keys() - locked)]


def _manifest(path: str, repository: Repository) -> Manifest | None:
    wanted = PurePosixPath(path).name in MANIFESTS and _counts(path)
    return read_manifest(path, repository.text(path) or "") if wanted else None


def _read(path: str, paths: list[str], repository: Repository, found: Packages) -> None:
    found.lockfiles.append(path)
    if (text := repository.text(path)) is None:
        found.unread[path] = repository.skipped.get(path, "cannot be read")
        return
    known = frozenset(repository.files)

    def included(name: str) -> str | None:
        return repository.text(name) if name in known else None

    try:
        locked = read_lock(path, text, _manifests_of(path, paths, found.manifests), included)
    except LockfileError as reason:
        found.unread[path] = str(reason)
        return
    private = _private(path, repository)
    found.locked.append(locked)
    found.packages += [_registered(package, private) for package in locked.packages]
    found.others += [package for package in locked.others if _is_foreign(package)]
    if locked.loose:
        found.unread[path] = locked.loose


def _is_foreign(package: Package) -> bool:
    """Whether a package is somebody else's: a folder is the project's own, an archive in it is not."""
    return package.origin != FOLDER or bool(_ARCHIVE.search(package.resolved or package.version))


def _manifests_of(path: str, paths: list[str], manifests: Iterable[Manifest]) -> dict[str, Manifest]:
    """The manifests that a lockfile locks, by their folder relative to its own: the one beside it, and members."""
    ecosystem, folder = ecosystem_of(path), _folder(path)
    name = "Pipfile" if path.endswith("Pipfile.lock") else "pyproject.toml" if ecosystem == PYPI else "package.json"
    own = [m for m in manifests if m.ecosystem == ecosystem and PurePosixPath(m.path).name == name]
    root = next((m for m in own if m.folder == folder), None)
    found = {"": root} if root else {}
    if root and root.workspaces:
        others = {_folder(other) for other in paths if ecosystem_of(other) == ecosystem} - {folder}
        prefix = f"{folder}/" if folder else ""
        found |= {
            m.folder.removeprefix(prefix): m
            for m in own
            if m.folder != folder and m.folder.startswith(prefix) and m.folder not in others
        }
    return found


def _folder(path: str) -> str:
    folder = PurePosixPath(path).parent.as_posix()
    return "" if folder == "." else folder


def _private(path: str, repository: Repository) -> frozenset[str]:
    """Scopes (or `*`: everything) that a `.npmrc` beside the lockfile or at the top sends to another registry."""
    names = {f"{_folder(path)}/.npmrc".lstrip("/"), ".npmrc"}
    found: set[str] = set()
    for name in sorted(names & set(repository.files)):
        for match in re.finditer(
            r"^\s*(?:(@[\w.-]+):)?registry\s*=\s*(\S+)", repository.text(name) or "", re.MULTILINE
        ):
            if not is_public(match[2]):
                found.add(match[1] or "*")
    return frozenset(found)


def _registered(package: Package, private: frozenset[str]) -> Package:
    if package.ecosystem != NPM or not private or package.resolved:
        return package  # the lockfile itself says where it comes from
    own = "*" in private or package.name.split("/")[0] in private
    return replace(package, public=package.public and not own)


def _is_unlocked(path: str, repository: Repository, found: Packages) -> bool:
    """Whether a Python manifest names dependencies and neither its folder nor one above it holds a lockfile."""
    place = PurePosixPath(path)
    if place.name not in {"pyproject.toml", "Pipfile", "setup.py"} or not _counts(path):
        return False
    above = {place.parent, *place.parent.parents}
    if any(PurePosixPath(p).parent in above and ecosystem_of(p) == PYPI for p in found.lockfiles):
        return False
    manifest = next((m for m in found.manifests if m.path == path), None)
    if manifest:
        return any(not wanted.dev and not wanted.optional for wanted in manifest.wanted)
    return bool(_PYTHON_DEPENDS.search(repository.text(path) or ""))


def _match(found: Packages, max_age: float, now: datetime) -> None:
    """What the local databases say: nothing where they hold nothing of an ecosystem, and no all-clear from old ones."""
    assert found.advisories
    local = Answers(LOCAL)
    records = found.advisories.records
    found.stale = {e: reason for e in (NPM, PYPI) if (reason := _stale(found.advisories, e, max_age, now))}
    for package in found.packages:
        key = key_of(package)
        if not records.get(package.ecosystem):
            local.unanswered[key] = f"the advisory database holds no record for {package.ecosystem}"
            continue
        try:
            hits = tuple(found.advisories.concerning(package))
        except ValueError:
            local.unanswered[key] = f"version {package.version} is not one of its ecosystem"
            continue
        if hits or package.ecosystem not in found.stale:
            local.answered[key] = hits
        else:
            local.unanswered[key] = found.stale[package.ecosystem]
    found.answers.append(local)


def _stale(advisories: Advisories, ecosystem: str, max_age: float, now: datetime) -> str:
    """Why no database is young enough to clear a package of this ecosystem; empty where one is."""
    ages = []
    for part in advisories.coverage:
        if not part.records.get(ecosystem):
            continue
        age = part.age(now)
        if part.fixture or age is None or age <= max_age:
            return ""
        ages.append(age)
    if not ages:
        return ""
    return (
        f"the newest record of the advisory database is {min(ages):.0f} days old, and more than {max_age:g} are not"
        " trusted (--max-advisory-age): renew it with `backend-audit advisories update`"
    )


def audit_online(
    found: Packages, stack: ExitStack, *, offline: bool = False, endpoints: Endpoints | None = None
) -> Packages:
    """The same, with services asked about what no local database covers; only public packages are sent."""
    for ecosystem in (NPM, PYPI):
        packages = [package for package in found.packages if package.ecosystem == ecosystem]
        if packages and not _covered(found, ecosystem):
            found.answers += _asked(ecosystem, packages, stack, endpoints, offline=offline)
    return found


def _covered(found: Packages, ecosystem: str) -> bool:
    return bool(found.advisories and found.advisories.records.get(ecosystem) and ecosystem not in found.stale)


def _asked(
    ecosystem: str, packages: list[Package], stack: ExitStack, endpoints: Endpoints | None, *, offline: bool
) -> list[Answers]:
    from auditor.sources.advisory_http import HINT

    public = [package for package in packages if package.public]
    name = "PyPI" if ecosystem == PYPI else "npm"
    kept = Answers(f"{name} packages that are not sent")
    sent = {key_of(package) for package in public}
    reason = f"not audited: it comes from another registry than {name}; {HINT}"
    kept.unanswered = {key: reason for package in packages if (key := key_of(package)) not in sent}
    if offline:
        kept.unanswered |= dict.fromkeys(sent, f"not audited: --offline forbids to ask {name}; {HINT}")
        return [kept]
    return ([kept] if kept.unanswered else []) + (_services(ecosystem, public, stack, endpoints) if public else [])


def _services(ecosystem: str, public: list[Package], stack: ExitStack, endpoints: Endpoints | None) -> list[Answers]:
    """The ecosystem's own service first, OSV where that one answered nothing."""
    from auditor.sources.advisory_cache import kept
    from auditor.sources.advisory_online import Endpoints as Defaults
    from auditor.sources.advisory_online import ask_npm, ask_osv

    places = endpoints or Defaults()
    ask = partial(ask_npm, public, places.npm) if ecosystem == NPM else partial(_pip_audit, public, stack)
    own = kept(places.cache, places.npm if ecosystem == NPM else "pip-audit", public, ask)
    if own.answered:
        return [own]
    return [own, kept(places.cache, places.osv, public, partial(ask_osv, public, places.osv))]


def _pip_audit(public: list[Package], stack: ExitStack) -> Answers:
    from auditor.sources.pip_audit import audit_python

    asked = audit_python({(package.name, package.version) for package in public}, stack)
    return Answers(
        asked.source,
        {(PYPI, *key): asked.hits(key) for key in asked.answered},
        {(PYPI, *key): reason for key, reason in asked.unanswered.items()},
    )


def names_of(found: Packages) -> Mapping[str, set[str]]:
    """Every installed name, per ecosystem."""
    return {e: {p.name for p in (*found.packages, *found.others) if p.ecosystem == e} for e in (NPM, PYPI)}
