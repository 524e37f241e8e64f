"""yarn.lock: the first format, and the YAML of yarn 2 and later."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from auditor.facts.lock_graph import (
    FOLDER,
    MEMBER,
    NPM,
    REGISTRY,
    URL,
    Lock,
    LockfileError,
    Node,
    Root,
    is_public,
    table,
)
from auditor.facts.lock_npm import origin_of
from auditor.facts.lock_yaml import LINE, read_yaml, unquoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.facts.lock_manifests import Manifest

_NEEDS = ("dependencies", "optionalDependencies")
_OLDEST, _NEWEST = 3, 10  # versions of the later format whose entries are read below
_RESOLUTION = re.compile(r"(@?[^@]+)@(?:patch:[^@]+@)?([a-z+]+:|npm%3A)?(.*)", re.DOTALL)


def yarn(path: str, text: str, manifests: Mapping[str, Manifest]) -> Lock:
    first = not re.search(r"^__metadata:", text, re.MULTILINE)
    data = read_yaml(text, loose=first)
    entries = {key: value for key, value in data.items() if key not in {LINE, "__metadata"}}
    if any(not isinstance(value, dict) for value in entries.values()):
        raise LockfileError("holds no entry that could be read")
    version = table(data, "__metadata").get("version", "4")
    if not first and not (str(version).isdigit() and _OLDEST <= int(str(version)) <= _NEWEST):
        raise LockfileError(f"version {version} is not known")
    keys = {spec: header for header in entries for spec in _specs(header)}
    lock = Lock(path, NPM)
    for header, entry in entries.items():
        lock.nodes[header] = (_first if first else _later)(header, entry, keys)
    if manifests:
        members = {manifest.name: folder for folder, manifest in manifests.items() if manifest.name}
        lock.roots = [r for folder, manifest in manifests.items() for r in _roots(folder, manifest, keys, members)]
    return lock


def _specs(header: str) -> list[str]:
    return [unquoted(part) for part in header.split(", ")] if ", " in header else [unquoted(header)]


def _split(spec: str) -> tuple[str, str]:
    name, _, wanted = spec[1:].partition("@")
    return spec[:1] + name, wanted


def _first(header: str, entry: Mapping[str, Any], keys: Mapping[str, str]) -> Node:
    name, wanted = _split(_specs(header)[0])
    resolved, version = str(entry.get("resolved", "")), str(entry.get("version", ""))
    if not version:
        raise LockfileError("holds an entry without a version")
    alias = re.match(r"npm:(@?[^@]+)(?:@|$)", wanted)
    # A `file:` has no `resolved` at all, and a git address may stand behind a shorthand of the range.
    origin = origin_of(resolved)
    if origin == REGISTRY and not resolved:
        origin = origin_of(wanted)
    return Node(
        name=alias[1] if alias else name,
        version=version,
        line=int(entry.get(LINE, 1)),
        needs=tuple(_targets(entry, keys)),
        origin=origin,
        public=is_public(resolved),
        resolved=resolved,
        integrity="integrity" in entry or "#" in resolved if resolved else None,
    )


def _later(header: str, entry: Mapping[str, Any], keys: Mapping[str, str]) -> Node:
    resolution, version = str(entry.get("resolution", "")), str(entry.get("version", ""))
    if not version:
        raise LockfileError("holds an entry without a version")
    match = _RESOLUTION.match(resolution or _specs(header)[0])
    name = match[1] if match else header
    protocol, rest = (match[2] or "", match[3]) if match else ("", "")
    origin = _ORIGINS.get(protocol) or (URL if origin_of(protocol + rest) == REGISTRY else origin_of(protocol + rest))
    archive = re.search(r"__archiveUrl=([^&]+)", rest)
    return Node(
        name=name,
        version=version,
        line=int(entry.get(LINE, 1)),
        needs=tuple(_targets(entry, keys)),
        origin=origin,
        public=not archive,
        resolved=protocol + rest if origin != REGISTRY else "",
        integrity="checksum" in entry if origin == REGISTRY and "conditions" not in entry else None,
    )


_ORIGINS = {
    "npm:": REGISTRY,
    "npm%3A": REGISTRY,
    "workspace:": MEMBER,
    "link:": FOLDER,
    "portal:": FOLDER,
    "file:": FOLDER,
    "virtual:": REGISTRY,
}


def _targets(entry: Mapping[str, Any], keys: Mapping[str, str]) -> Iterator[str]:
    for kind in _NEEDS:
        for name, wanted in table(entry, kind).items():
            if name != LINE and (key := _find(name, str(wanted), keys)):
                yield key


def _find(name: str, wanted: str, keys: Mapping[str, str]) -> str | None:
    found = next((keys[spec] for spec in (f"{name}@{wanted}", f"{name}@npm:{wanted}") if spec in keys), None)
    if found or not wanted.startswith(("workspace:", "patch:")):
        return found
    return next(
        (key for spec, key in keys.items() if spec.startswith(f"{name}@{wanted.split(':', maxsplit=1)[0]}:")), None
    )


def _roots(folder: str, manifest: Manifest, keys: Mapping[str, str], members: Mapping[str, str]) -> Iterator[Root]:
    for wanted in manifest.wanted:
        if wanted.name not in members:
            yield Root(folder, wanted.name, wanted.spec, _find(wanted.name, wanted.spec, keys), wanted.dev)
