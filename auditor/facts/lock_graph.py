"""What a lockfile installs, as a graph: each package's role (direct, development) and the path that brings it in."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NPM, PYPI = "npm", "PyPI"
REGISTRY, GIT, URL, FOLDER, OTHER, MEMBER = "registry", "git", "url", "folder", "other registry", "member"
_MAX_NODES = 200_000
NPM_HOST, PYPI_HOST = "registry.npmjs.org", "pypi.org"
_PUBLIC = {  # what a lockfile names as the source of a package that everybody can have
    NPM_HOST, "registry.npmjs.com", "registry.yarnpkg.com", "registry.npmmirror.com",
    PYPI_HOST, "files.pythonhosted.org", "pypi.python.org",
}  # fmt: skip


class LockfileError(Exception):
    """A lockfile that cannot be read, or in a version that is not known; the text says which."""


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package.

    `dev` says that production does not install it, `public` that the lockfile resolves it from the public registry: no
    other package is named to a service. `origin` is where it comes from: only what a registry serves has advisories.
    `direct` is None where the lockfile does not say; `via` are the packages that bring it in, the direct one first.
    """

    ecosystem: str
    name: str
    version: str
    path: str
    line: int
    dev: bool = False
    public: bool = True
    direct: bool | None = None
    via: tuple[str, ...] = ()
    origin: str = REGISTRY
    resolved: str = ""
    integrity: bool | None = None
    licence: str = ""
    script: bool = False
    deprecated: str = ""

    @property
    def subject(self) -> str:
        return f"package {self.ecosystem}:{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Node:
    """One entry of a lockfile; `needs` are the keys of the entries that it depends on."""

    name: str
    version: str
    line: int = 1
    needs: tuple[str, ...] = ()
    origin: str = REGISTRY
    public: bool = True
    dev: bool | None = None
    resolved: str = ""
    integrity: bool | None = None
    licence: str = ""
    script: bool = False
    deprecated: str = ""


@dataclass(frozen=True, slots=True)
class Root:
    """A dependency that a manifest names: `folder` is the manifest's, relative to the lockfile's (empty: the same)."""

    folder: str
    name: str
    spec: str
    key: str | None
    dev: bool


@dataclass(slots=True)
class Lock:
    """`roots` is None where the format does not say what the manifest asks for and no manifest stands beside it;
    `overrides` are names whose version is set for the whole workspace.
    """

    path: str
    ecosystem: str
    nodes: dict[str, Node] = field(default_factory=dict)
    roots: list[Root] | None = None
    overrides: frozenset[str] = frozenset()

    def packages(self) -> list[Package]:
        """Every package once, sorted; one that production installs in one place is no development package."""
        if len(self.nodes) > _MAX_NODES:
            raise LockfileError(f"holds more than {_MAX_NODES} entries")
        production = _paths(self.nodes, _keys(self.roots, dev=False))
        every = _paths(self.nodes, _keys(self.roots, dev=False) + _keys(self.roots, dev=True))
        found: dict[tuple[str, str, str], Package] = {}
        for key, node in self.nodes.items():
            if node.origin != MEMBER:
                package = self._package(key, node, production, every)
                twin = found.get((node.name, node.version, node.origin))
                found[node.name, node.version, node.origin] = _merged(twin, package) if twin else package
        return [found[key] for key in sorted(found)]

    def _package(
        self, key: str, node: Node, production: Mapping[str, tuple[str, ...]], every: Mapping[str, tuple[str, ...]]
    ) -> Package:
        via = production.get(key, every.get(key))
        dev = node.dev if node.dev is not None else key in every and key not in production
        # A package that nothing reaches (an optional peer, say) is installed all the same; how is not known.
        direct = None if self.roots is None or via is None else not via
        return Package(
            self.ecosystem, node.name, node.version, self.path, node.line, dev, node.public and node.origin == REGISTRY,
            direct, via or (), node.origin, node.resolved, node.integrity, node.licence, node.script, node.deprecated,
        )  # fmt: skip


def _keys(roots: Iterable[Root] | None, *, dev: bool) -> list[str]:
    return [root.key for root in roots or () if root.dev is dev and root.key is not None]


def _paths(nodes: Mapping[str, Node], starts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The shortest way to each entry, as the names passed; breadth first, so that no depth is too deep."""
    found: dict[str, tuple[str, ...]] = {key: () for key in starts if key in nodes}
    waiting = deque(found)
    while waiting:
        key = waiting.popleft()
        node = nodes[key]
        passed = found[key] if node.origin == MEMBER else (*found[key], node.name)
        for needed in node.needs:
            if needed in nodes and needed not in found:
                found[needed] = passed
                waiting.append(needed)
    return found


def _merged(one: Package, other: Package) -> Package:
    direct = one.direct or other.direct if True in {one.direct, other.direct} else one.direct
    nearer = min((p for p in (one, other) if p.direct is not None), key=lambda p: len(p.via), default=one)
    return replace(
        one,
        line=min(one.line, other.line),
        dev=one.dev and other.dev,
        public=one.public and other.public,
        direct=direct,
        via=nearer.via,
        script=one.script or other.script,
        integrity=one.integrity if one.integrity is False else other.integrity,
    )


def is_public(url: str) -> bool:
    """Whether an address lies on a public registry; none means the default one."""
    return not url or urlsplit(url).hostname in _PUBLIC


def normalised(name: str) -> str:
    """A PyPI name as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def lines_of(text: str, pattern: str) -> dict[str, int]:
    """The first line on which each key stands."""
    compiled = re.compile(pattern)
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := compiled.match(line):
            found.setdefault(match[1], number)
    return found


def table(value: object, key: str) -> dict[str, object]:
    """The table under a key; an empty one where there is something else."""
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}
