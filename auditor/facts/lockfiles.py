"""Lockfiles to packages: what is installed, in which version, and where that is written."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NPM, PYPI = "npm", "PyPI"
# Lockfiles that are known and not read yet: their packages are unknown, and the file's name says why.
UNREAD = {
    "bun.lockb": "bun.lockb is binary: `bun install --save-text-lockfile` writes one that can be read",
    "Pipfile.lock": "Pipfile.lock is not read yet",
    "pdm.lock": "pdm.lock is not read yet",
    "pylock.toml": "pylock.toml is not read yet",
    "deno.lock": "deno.lock is not read yet",
}
_PINNED = re.compile(
    r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*==\s*([A-Za-z0-9.!+_-]+)"  # name[extra]==version
    r"\s*(?:;[^#\\]*)?(?:\\|\s--hash=[^#]*)?\s*(?:#.*)?$",
)
_UNPINNED = re.compile(
    r"^\s*(?:[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[|[<>~!]=?|;|#|$|@)|-e\b|-r\b|--requirement|git\+|https?://)"
)
_CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)
_INDEX = re.compile(r"^\s*(?:--(?:extra-)?index-url|-i|--find-links|-f)[\s=]+(\S+)", re.MULTILINE)
_PUBLIC = {"pypi.org", "files.pythonhosted.org", "pypi.python.org"}
_REQUIREMENTS = re.compile(r"^requirements[\w.-]*\.txt$")


class LockfileError(Exception):
    """A lockfile that cannot be read, or in a version that is not known; the text says which."""


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package.

    `dev` says that production does not install it, `public` that the lockfile resolves it from the public registry: no
    other package is named to a service.
    """

    ecosystem: str
    name: str
    version: str
    path: str
    line: int
    dev: bool = False
    public: bool = True

    @property
    def subject(self) -> str:
        return f"package {self.ecosystem}:{self.name}@{self.version}"


def is_lockfile(path: str) -> bool:
    name = PurePosixPath(path).name
    return name in _READERS or name in UNREAD or bool(_REQUIREMENTS.match(name))


def read_lockfile(path: str, text: str) -> list[Package]:
    """The packages of one lockfile, sorted; raises LockfileError."""
    name = PurePosixPath(path).name
    if name in UNREAD:
        raise LockfileError(UNREAD[name])
    if _CONFLICT.search(text):
        raise LockfileError("holds a merge conflict that was not resolved")
    reader = _READERS.get(name, _requirements)
    try:
        found = sorted({*reader(path, text)}, key=lambda p: (p.name, p.version, p.dev))
    except LockfileError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LockfileError(f"does not parse: {type(error).__name__}") from error
    return found


def _package_lock(path: str, text: str) -> Iterator[Package]:
    data = json.loads(text)
    version = data.get("lockfileVersion")
    if version not in {1, 2, 3}:
        raise LockfileError(f"lockfileVersion {version} is not known")
    lines = _lines(text, r'^\s*"([^"]+)":\s*\{')
    if version == 1:
        yield from _package_lock_1(path, data.get("dependencies", {}), lines)
        return
    for key, entry in data["packages"].items():
        if "node_modules/" not in key or entry.get("link") or "version" not in entry:
            continue
        name = entry.get("name") or key.rpartition("node_modules/")[2]
        if _from_registry(entry):
            dev = bool(entry.get("dev") or entry.get("devOptional"))
            yield Package(NPM, name, entry["version"], path, lines.get(key, 1), dev)


def _package_lock_1(path: str, table: dict[str, Any], lines: dict[str, int]) -> Iterator[Package]:
    waiting = [table]
    while waiting:
        for name, entry in waiting.pop().items():
            if re.match(r"\d", entry.get("version", "")):
                yield Package(NPM, name, entry["version"], path, lines.get(name, 1), bool(entry.get("dev")))
            waiting.append(entry.get("dependencies", {}))


def _from_registry(entry: dict[str, Any]) -> bool:
    return not str(entry.get("resolved", "")).startswith(("git", "file:"))


def _pnpm(path: str, text: str) -> Iterator[Package]:
    """By lines: pnpm writes one layout, and a YAML library either takes seconds or stumbles over `npm:` in a flow."""
    version = re.search(r"^lockfileVersion:\s*'?([\d.]+)'?\s*$", text, re.MULTILINE)
    if not version:
        raise LockfileError("names no lockfileVersion")
    if not 5 <= float(version[1]) < 10:  # noqa: PLR2004 - the versions whose keys are read below
        raise LockfileError(f"lockfileVersion {version[1]} is not known")
    inside, found = False, None
    for number, line in enumerate(text.splitlines(), 1):
        if line and not line[0].isspace():
            inside = line.startswith("packages:")
        elif inside and (key := re.match(r"  (?:'([^']+)'|([^\s'][^\s]*?)):(?:\s|$)", line)):
            if found:
                yield found
            named = _pnpm_key(key[1] or key[2])
            found = Package(NPM, *named, path, number) if named else None
        elif inside and found and line == "    dev: true":
            found = replace(found, dev=True)
    if found:
        yield found


def _pnpm_key(key: str) -> tuple[str, str] | None:
    """`name@1.2.3(peer)` of version 9, `/name@1.2.3` of 6, `/name/1.2.3_peer` of 5."""
    plain = key.removeprefix("/").split("(")[0]
    match = re.fullmatch(r"(@[^/]+/[^/@]+|[^/@]+)[@/](\d[^_/]*)(?:_.*)?", plain)
    return (match[1], match[2]) if match else None


def _yarn(path: str, text: str) -> Iterator[Package]:
    """Classic and berry: a header that names the wanted ranges, then the version that was taken."""
    if not re.search(r"^  version", text, re.MULTILINE) and re.search(r"^\s*[^#\s]", text, re.MULTILINE):
        raise LockfileError("holds no entry that could be read")
    header, start = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r'["@\w]', line) and line.endswith(":"):
            header, start = line.strip('":'), number
        elif match := re.match(r'^  version:? "?(\d[^"\s]*)"?$', line):
            name = re.match(r"(@?[^@]+)@(npm:(?:(@?[^@]+)@)?)?(.*)", header.split(",")[0])
            if name and not re.match(r"(?:workspace|file|link|git|portal|patch)", name[4]):
                yield Package(NPM, name[3] or name[1], match[1], path, start)


def _bun(path: str, text: str) -> Iterator[Package]:
    """JSON with trailing commas; each package is a list that starts with `name@version`."""
    data = json.loads(re.sub(r",(\s*[}\]])", r"\1", text))
    lines = _lines(text, r'^\s*"([^"]+)":\s*\[')
    for key, entry in data["packages"].items():
        if match := re.fullmatch(r"(@?[^@]+)@(\d.*)", str(entry[0])):
            yield Package(NPM, match[1], match[2], path, lines.get(key, 1))


def _toml_lock(path: str, text: str) -> Iterator[Package]:
    """poetry.lock and uv.lock: `[[package]]` tables."""
    lines = _lines(text, r'^name = "([^"]+)"')
    for entry in tomllib.loads(text)["package"]:
        source = entry.get("source", {})
        local = isinstance(source, dict) and (source.keys() & {"virtual", "editable", "directory", "git", "path"})
        if "version" in entry and not local and source.get("type") not in {"git", "directory", "file"}:
            dev = entry.get("category") == "dev" or entry.get("groups") == ["dev"]
            name = normalised(entry["name"])
            yield Package(PYPI, name, entry["version"], path, lines.get(entry["name"], 1), dev, _is_public(source))


def _is_public(source: dict[str, Any]) -> bool:
    """Whether a package comes from PyPI itself: poetry names a source only where it is another one, uv always does."""
    return not source or urlsplit(str(source.get("registry", ""))).hostname in _PUBLIC


def _requirements(path: str, text: str) -> Iterator[Package]:
    public = all(urlsplit(match[1]).hostname in _PUBLIC for match in _INDEX.finditer(text))
    for number, line in enumerate(text.splitlines(), 1):
        if match := _PINNED.match(line):
            yield Package(PYPI, normalised(match[1]), match[2], path, number, "dev" in PurePosixPath(path).name, public)


def loose_requirements(path: str, text: str) -> str | None:
    """Why a requirements file does not say all that is installed; None where it does, and for other lockfiles."""
    if not _REQUIREMENTS.match(PurePosixPath(path).name):
        return None
    lines = enumerate(text.splitlines(), 1)
    loose = [n for n, line in lines if not _PINNED.match(line) and _UNPINNED.match(line)]
    return f"{len(loose)} requirements are not pinned (first: line {loose[0]})" if loose else None


def normalised(name: str) -> str:
    """A PyPI name as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _lines(text: str, pattern: str) -> dict[str, int]:
    """The first line on which each key stands."""
    compiled = re.compile(pattern)
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := compiled.match(line):
            found.setdefault(match[1], number)
    return found


_READERS: dict[str, Callable[[str, str], Iterator[Package]]] = {
    "package-lock.json": _package_lock,
    "npm-shrinkwrap.json": _package_lock,
    "pnpm-lock.yaml": _pnpm,
    "yarn.lock": _yarn,
    "bun.lock": _bun,
    "poetry.lock": _toml_lock,
    "uv.lock": _toml_lock,
}
