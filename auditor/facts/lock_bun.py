"""bun.lock, and deno.lock: npm packages, and what has no advisories beside them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.facts.lock_graph import (
    MEMBER,
    NPM,
    OTHER,
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
from auditor.facts.lock_manifests import override_name
from auditor.facts.lock_npm import TABLES, origin_of, said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.facts.lock_manifests import Manifest

_LAST_KNOWN_BUN = 2


def bun(path: str, text: str, _: Mapping[str, Manifest]) -> Lock:
    """JSON with trailing commas; each package is a list that starts with `name@version`."""
    data = json.loads(re.sub(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', lambda match: match[1] or "", text))
    version = data.get("lockfileVersion", 1)
    if not isinstance(version, int) or version > _LAST_KNOWN_BUN:
        raise LockfileError(f"lockfileVersion {version} is not known")
    lines = lines_of(text, r'^\s*"([^"]+)":\s*\[')
    trusted = set(data.get("trustedDependencies") or ())
    entries: dict[str, list[Any]] = data["packages"]
    lock = Lock(path, NPM, roots=[], overrides=frozenset(map(override_name, table(data, "overrides"))))
    for key, entry in entries.items():
        if node := _bun_node(key, entry, entries, lines.get(key, 1), trusted):
            lock.nodes[key] = node
    spaces = table(data, "workspaces")
    for folder, space in spaces.items():
        name = str(table(spaces, folder).get("name") or "")
        for key, dev in TABLES:
            listed = table(space, key).items()
            lock.roots = [
                *(lock.roots or ()),
                *(Root(folder, n, str(spec), _bun_find(name if folder else "", n, entries), dev) for n, spec in listed),
            ]
    return lock if spaces else Lock(path, NPM, lock.nodes)


def _bun_node(
    key: str, entry: list[Any], entries: Mapping[str, list[Any]], line: int, trusted: set[str]
) -> Node | None:
    match = re.fullmatch(r"(@?[^@]+)@(.*)", str(entry[0]), re.DOTALL)
    if match is None:
        return None
    info = next((item for item in entry[1:] if isinstance(item, dict)), {})
    needs = (_bun_find(key, name, entries) for name in _bun_names(info))
    found = tuple(place for place in needs if place)
    name, version = match[1], match[2]
    if version.startswith(("workspace:", "root:")):
        return Node(name, "", line, found, MEMBER)
    registry = entry[1] if len(entry) > 1 and isinstance(entry[1], str) else ""
    plain = re.match(r"v?\d", version)
    origin = REGISTRY if plain else URL if origin_of(version) == REGISTRY else origin_of(version)
    return Node(
        name=name,
        version=version,
        line=line,
        needs=found,
        origin=origin,
        public=is_public(registry if registry.startswith("http") else ""),
        resolved=registry if plain else version,
        integrity=isinstance(entry[-1], str) and entry[-1].startswith("sha") if plain else None,
        script=name in trusted,
    )


def _bun_names(info: Mapping[str, Any]) -> list[str]:
    optional = info.get("optionalPeers") or ()
    peers = [name for name in table(info, "peerDependencies") if name not in optional]
    return [*table(info, "dependencies"), *table(info, "optionalDependencies"), *peers]


def _bun_find(key: str, name: str, entries: Mapping[str, Any]) -> str | None:
    """Keys are paths of package names: `a/@s/b/c` is c inside @s/b inside a."""
    parts = re.findall(r"@[^/]+/[^/]+|[^/]+", key)
    for length in range(len(parts), -1, -1):
        place = "/".join((*parts[:length], name))
        if place in entries:
            return place
    return None


def deno(path: str, text: str, manifests: Mapping[str, Manifest]) -> Lock:
    """Packages of npm, and what JSR and plain addresses serve, which no advisory is about."""
    data = json.loads(text)
    version = str(data.get("version"))
    if version not in {"2", "3", "4", "5"}:
        raise LockfileError(f"version {version} is not known")
    inner = table(data, "packages") if version == "3" else table(data, "npm") if version == "2" else data
    entries = table(inner, "packages") if version == "2" else table(inner, "npm")
    specifiers = {str(k): str(v) for k, v in table(inner, "specifiers").items()}
    lines = lines_of(text, r'^\s*"([^"]+)":\s*[\{"]')
    lock = Lock(path, NPM)
    names = {key: match for key in entries if (match := re.match(r"(@?[^@]+)@([^_]+)", key))}
    shortest: dict[str, str] = {}
    for key, match in sorted(names.items(), key=lambda item: len(item[0])):
        shortest.setdefault(match[1], key)
        shortest.setdefault(f"{match[1]}@{match[2]}", key)
        shortest[key] = key
    for key, match in names.items():
        lock.nodes[key] = _deno_node(match, table(entries, key), shortest, lines.get(key, 1))
    lock.nodes |= dict(_deno_others(data, inner, lines))
    tools = {wanted.name for manifest in manifests.values() for wanted in manifest.wanted if wanted.dev}
    roots = (_deno_root(spec, taken, entries, shortest) for spec, taken in specifiers.items())
    lock.roots = [replace(root, dev=root.name in tools) for root in roots]
    return lock


def _deno_node(match: re.Match[str], entry: Mapping[str, Any], shortest: Mapping[str, str], line: int) -> Node:
    wanted: list[Any] = []
    for listed in (entry.get("dependencies"), entry.get("optionalDependencies")):
        wanted += listed.values() if isinstance(listed, dict) else listed if isinstance(listed, list) else ()
    needs = (shortest.get(str(item)) for item in wanted)
    return Node(
        match[1],
        match[2],
        line,
        tuple(need for need in needs if need),
        integrity=bool(entry.get("integrity")),
        script=bool(entry.get("scripts")),
        deprecated=said(entry.get("deprecated")),
    )


def _deno_root(spec: str, taken: str, entries: Mapping[str, Any], shortest: Mapping[str, str]) -> Root:
    plain = spec.removeprefix("npm:")
    name = plain[0] + plain[1:].split("@")[0] if plain else ""
    key = taken.removeprefix("npm:") if "@" in taken[1:].split("_", maxsplit=1)[0] else f"{name}@{taken}"
    return Root("", name, plain[len(name) + 1 :], key if key in entries else shortest.get(key, spec), dev=False)


def _deno_others(
    data: dict[str, Any], inner: Mapping[str, Any], lines: Mapping[str, int]
) -> Iterator[tuple[str, Node]]:
    for key in table(inner, "jsr"):
        if match := re.match(r"(@?[^@]+)@(.+)", key):
            yield f"jsr:{key}", Node(f"jsr:{match[1]}", match[2], lines.get(key, 1), origin=OTHER)
    hosts = {str(key).split("/")[2]: str(key) for key in table(data, "remote") if str(key).count("/") > 1}
    for host, first in sorted(hosts.items()):
        yield f"remote:{host}", Node(f"modules of {host}", "", lines.get(first, 1), origin=URL)
