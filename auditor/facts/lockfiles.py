"""Lockfiles to packages: what is installed, in which version, by what way, and where that is written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.lock_bun import bun, deno
from auditor.facts.lock_graph import (
    MEMBER,
    NPM,
    PYPI,
    REGISTRY,
    Lock,
    LockfileError,
    Package,
    Root,
    normalised,
)
from auditor.facts.lock_npm import package_lock
from auditor.facts.lock_pnpm import pnpm
from auditor.facts.lock_python import pdm, pipfile, poetry, pylock, uv
from auditor.facts.lock_requirements import is_requirements, loose_reason, read_requirements, requirements_lock
from auditor.facts.lock_yarn import yarn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.facts.lock_manifests import Manifest

__all__ = [
    "MEMBER", "NPM", "PYPI", "REGISTRY", "Locked", "LockfileError", "Package", "ecosystem_of", "is_lockfile",
    "normalised", "read_lock", "read_lockfile",
]  # fmt: skip
# Lockfiles that are known and cannot be read: their packages are unknown, with this advice.
UNREAD = {
    "bun.lockb": "bun.lockb is binary: `bun install --save-text-lockfile` writes one that can be read",
}
_CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)
_PYLOCK = re.compile(r"pylock\.[\w-]+\.toml")
_READERS: dict[str, Callable[[str, str, Mapping[str, Manifest]], Lock]] = {
    "package-lock.json": package_lock,
    "npm-shrinkwrap.json": package_lock,
    "pnpm-lock.yaml": pnpm,
    "yarn.lock": yarn,
    "bun.lock": bun,
    "deno.lock": deno,
    "poetry.lock": poetry,
    "uv.lock": uv,
    "pdm.lock": pdm,
    "pylock.toml": pylock,
    "Pipfile.lock": pipfile,
}
_PYTHON = {"poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "Pipfile.lock"}


@dataclass(frozen=True, slots=True)
class Locked:
    """One lockfile, read: `packages` come from a registry, `others` from where no advisory is about them; `loose` says
    what it leaves open. `roots` is None where what the manifest asks for is not known.
    """

    path: str
    packages: list[Package]
    others: list[Package] = field(default_factory=list)
    roots: list[Root] | None = None
    loose: str | None = None
    versions: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    overrides: frozenset[str] = frozenset()
    needs: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def ecosystem(self) -> str:
        return ecosystem_of(self.path)


def is_lockfile(path: str) -> bool:
    name = PurePosixPath(path).name
    return name in _READERS or name in UNREAD or bool(_PYLOCK.fullmatch(name)) or is_requirements(path)


def ecosystem_of(path: str) -> str:
    name = PurePosixPath(path).name
    return PYPI if name in _PYTHON or _PYLOCK.fullmatch(name) or is_requirements(path) else NPM


def read_lockfile(path: str, text: str) -> list[Package]:
    """The packages of one lockfile that come from a registry, sorted; raises LockfileError."""
    return read_lock(path, text).packages


def read_lock(
    path: str,
    text: str,
    manifests: Mapping[str, Manifest] | None = None,
    other: Callable[[str], str | None] = lambda _: None,
) -> Locked:
    """One lockfile, sorted; raises LockfileError.

    `manifests` are those that it locks, by their folder relative to its own; `other` gives the text of a file that it
    includes.
    """
    name = PurePosixPath(path).name
    if name in UNREAD:
        raise LockfileError(UNREAD[name])
    if _CONFLICT.search(text):
        raise LockfileError("holds a merge conflict that was not resolved")
    try:
        return _read(path, text, manifests or {}, other)
    except LockfileError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise LockfileError(f"does not parse: {type(error).__name__}") from error


def _read(path: str, text: str, manifests: Mapping[str, Manifest], other: Callable[[str], str | None]) -> Locked:
    name = PurePosixPath(path).name
    reader = pylock if _PYLOCK.fullmatch(name) else _READERS.get(name)
    if reader is None:
        found = read_requirements(path, text, other)
        lock, loose = requirements_lock(path, found), loose_reason(path, found)
    else:
        lock, loose = reader(path, text, manifests), None
    packages = lock.packages()
    return Locked(
        path,
        [package for package in packages if package.origin == REGISTRY],
        [package for package in packages if package.origin != REGISTRY],
        lock.roots,
        loose,
        {key: (node.name, node.version, node.origin) for key, node in lock.nodes.items()},
        lock.overrides,
        {key: node.needs for key, node in lock.nodes.items()},
    )
