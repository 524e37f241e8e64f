"""package-lock.json and npm-shrinkwrap.json, versions 1 to 3."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from auditor.facts.lock_graph import (
    FOLDER,
    GIT,
    MEMBER,
    NPM,
    REGISTRY,
    URL,
    Lock,
    LockfileError,
    Node,
    Root,
    is_public,
    lines_of,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.facts.lock_manifests import Manifest

TABLES = (("dependencies", False), ("optionalDependencies", False), ("devDependencies", True))
_GIT = re.compile(r"git[+:@]|github:|gitlab:|bitbucket:|gist:|https?://codeload\.github\.com/|\S+\.git(?:#|$)")


def origin_of(address: str) -> str:
    """Where a package comes from, by the address that the lockfile resolved it to; none means the registry."""
    if _GIT.match(address):
        return GIT
    if address.startswith(("file:", "link:", "portal:", "./", "../")):
        return FOLDER
    if address.startswith(("http://", "https://")) and not is_public(address):
        return REGISTRY if "/-/" in address or "/download/" in address else URL
    return REGISTRY


def package_lock(path: str, text: str, manifests: Mapping[str, Manifest]) -> Lock:
    data = json.loads(text)
    version = data.get("lockfileVersion", 1 if "dependencies" in data else None)
    if version not in {1, 2, 3}:
        raise LockfileError(f"lockfileVersion {version} is not known")
    lines = lines_of(text, r'^\s*"([^"]+)":\s*\{')
    if version == 1:
        entries = dict(_as_folders(table(data, "dependencies")))
        lines = {key: lines.get(_name(key), 1) for key in entries}
        roots = _manifest_tables(manifests)
    else:
        entries = {key: entry for key, entry in data["packages"].items() if not entry.get("extraneous")}
        roots = {key: entry for key, entry in entries.items() if "node_modules/" not in key}
    lock = Lock(path, NPM)
    for key, entry in entries.items():
        if key and not entry.get("link") and (key not in roots or version == 1):
            if node := _npm_node(key, entry, entries, lines.get(key, 1)):
                lock.nodes[key] = node
        elif key in roots and key:
            lock.nodes[key] = Node(key, "", origin=MEMBER, needs=_needs(key, entry, entries, peers=False))
    if roots:
        lock.roots = [root for folder, entry in roots.items() for root in _npm_roots(folder, entry, entries)]
    return lock


def _name(key: str) -> str:
    return key.rpartition("node_modules/")[2]


def _as_folders(packages: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Version 1 nests tables where the later ones write paths."""
    waiting = [("", packages)]
    while waiting:
        prefix, inner = waiting.pop()
        for name, entry in inner.items():
            key = f"{prefix}node_modules/{name}"
            named = re.match(r"npm:(@?[^@]+)@(.+)", str(entry.get("version", "")))
            more = {"name": named[1], "version": named[2]} if named else {}
            yield key, {**entry, "dependencies": entry.get("requires") or {}, **more}
            waiting.append((f"{key}/", table(entry, "dependencies")))


def _manifest_tables(manifests: Mapping[str, Manifest]) -> dict[str, dict[str, Any]]:
    root = manifests.get("")
    return {"": root.data} if root else {}


def _npm_node(key: str, entry: dict[str, Any], entries: Mapping[str, Any], line: int) -> Node | None:
    version, resolved = str(entry.get("version", "")), str(entry.get("resolved") or "")
    origin = origin_of(resolved)
    if origin == REGISTRY and not re.match(r"v?\d", version):
        origin = origin_of(version) if version else FOLDER
        if origin == REGISTRY:
            return None
    return Node(
        name=str(entry.get("name") or _name(key)),
        version=version,
        line=line,
        needs=_needs(key, entry, entries, peers=True),
        origin=origin,
        public=is_public(resolved),
        dev=True if entry.get("dev") else None,
        resolved=resolved,
        integrity=None if entry.get("inBundle") or not resolved else bool(entry.get("integrity")),
        licence=_licence(entry.get("license")),
        script=bool(entry.get("hasInstallScript")),
        deprecated=said(entry.get("deprecated")),
    )


def _licence(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("type")
    return value if isinstance(value, str) else ""


def said(value: object) -> str:
    return value[:200] if isinstance(value, str) else "deprecated" if value else ""


def _needs(key: str, entry: Mapping[str, Any], entries: Mapping[str, Any], *, peers: bool) -> tuple[str, ...]:
    optional = table(entry, "peerDependenciesMeta")
    names = [*table(entry, "dependencies"), *table(entry, "optionalDependencies")]
    names += [name for name in table(entry, "peerDependencies") if peers and name not in optional]
    found = (_find(key, name, entries) for name in names)
    return tuple(place for place in found if place)


def _find(key: str, name: str, entries: Mapping[str, Any]) -> str | None:
    """The folder that a `require` from this one finds: its own node_modules, then those above."""
    while True:
        place = f"{key}/node_modules/{name}" if key else f"node_modules/{name}"
        if place in entries:
            target = entries[place]
            return str(target.get("resolved")) if target.get("link") else place
        if not key:
            return None
        key = key.rpartition("node_modules/")[0].rstrip("/") if "node_modules/" in key else key.rpartition("/")[0]


def _npm_roots(folder: str, entry: Mapping[str, Any], entries: Mapping[str, Any]) -> Iterator[Root]:
    for key, dev in TABLES:
        for name, spec in table(entry, key).items():
            yield Root(folder, name, str(spec), _find(folder, name, entries), dev)
