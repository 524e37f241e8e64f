"""pnpm-lock.yaml, versions 5 to 9."""

from __future__ import annotations

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
    table,
)
from auditor.facts.lock_manifests import override_name
from auditor.facts.lock_npm import TABLES, origin_of
from auditor.facts.lock_yaml import LINE, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.facts.lock_manifests import Manifest

_SECTIONS = frozenset(
    {
        "overrides",
        "importers",
        "packages",
        "snapshots",
        "dependencies",
        "devDependencies",
        "optionalDependencies",
        "specifiers",
    }
)
_KEY = re.compile(r"/?(@[^/]+/[^/@]+|[^/@]+)[@/](.+)")
# Versions 5 and 6 put another registry's host before the name.
_HOST = re.compile(
    r"(?!github\.com|gitlab\.com|bitbucket\.org|codeload\.)[\w-]+(?:\.[\w-]+)+(?::\d+)?/(?=(?:@[^/]+/)?[^/@]+[@/]\d)"
)
_NEEDS = ("dependencies", "optionalDependencies")
_FIRST, _SNAPSHOTS = 5, 9  # the oldest version read, and the one that keeps the graph apart


def pnpm(path: str, text: str, _: Mapping[str, Manifest]) -> Lock:
    version = re.search(r"^lockfileVersion:\s*'?([\d.]+)'?(?:-[\w.-]+)?\s*$", text, re.MULTILINE)
    if not version:
        raise LockfileError("names no lockfileVersion")
    major = float(version[1])
    if not _FIRST <= major < _SNAPSHOTS + 1:
        raise LockfileError(f"lockfileVersion {version[1]} is not known")
    # Two documents: pnpm 10 keeps its own configuration dependencies in the first.
    data = read_yaml(text, sections=_SECTIONS)
    packages, snapshots = table(data, "packages"), table(data, "snapshots")
    graph = snapshots if major >= _SNAPSHOTS and snapshots else packages
    lock = Lock(path, NPM, overrides=frozenset(override_name(name) for name in table(data, "overrides")))
    for key, entry in graph.items():
        if key == LINE:
            continue
        described = packages.get(key) or packages.get(_without_peers(key)) or entry
        if node := _node(key, described, entry, graph):
            lock.nodes[key] = node
    importers = {k: v for k, v in table(data, "importers").items() if isinstance(v, dict)}
    if not importers and any(name in data for name, _ in TABLES):
        importers = {".": data}
    if importers:
        lock.roots = [root for folder, entry in importers.items() for root in _roots(folder, entry, graph)]
        _add_members(lock, importers, graph)
    return lock


def _without_peers(key: str) -> str:
    return key.split("(", maxsplit=1)[0]


def _named(key: str) -> tuple[str, str] | None:
    """`name@1.2.3(peer)` of version 9, `/name@1.2.3` of 6, `/name/1.2.3_peer` of 5."""
    match = _KEY.fullmatch(_HOST.sub("", _without_peers(key), count=1))
    if match is None:
        return None
    version = match[2]
    return match[1], version.split("_")[0] if re.match(r"\d", version) else version


def _node(key: str, described: Any, entry: Any, graph: Mapping[str, Any]) -> Node | None:  # noqa: ANN401 - YAML of any shape
    named = _named(key)
    resolution = table(described, "resolution")
    tarball = str(resolution.get("tarball", ""))
    origin = _origin(key, named, resolution)
    if origin != REGISTRY:
        name = str(table({"": described}, "").get("name") or (named[0] if named and "://" not in named[0] else key))
        version = str(table({"": described}, "").get("version") or (named[1] if named else ""))
    elif named:
        name, version = named
    else:
        return None
    dev = described.get("dev") if isinstance(described, dict) else None
    return Node(
        name=name,
        version=version,
        line=int(described.get(LINE, 1)) if isinstance(described, dict) else 1,
        needs=tuple(_targets(entry, graph)),
        origin=origin,
        public=is_public(tarball) and not _HOST.match(key),
        dev=True if dev == "true" else None,
        resolved=tarball or str(resolution.get("repo", "")),
        integrity="integrity" in resolution if resolution else None,
        script=isinstance(described, dict) and described.get("requiresBuild") == "true",
        deprecated=str(described.get("deprecated", ""))[:200] if isinstance(described, dict) else "",
    )


def _origin(key: str, named: tuple[str, str] | None, resolution: Mapping[str, Any]) -> str:
    if resolution.get("type") == "git" or "repo" in resolution or "codeload.github.com" in key:
        return GIT
    if "directory" in resolution or key.startswith("file:") or (named and named[1].startswith(("file:", "link:"))):
        return FOLDER
    if named and re.match(r"\d", named[1]):
        return REGISTRY
    address = named[1] if named and ":" in named[1] else key
    return URL if origin_of(address) == REGISTRY else origin_of(address)


def _targets(entry: Any, graph: Mapping[str, Any]) -> Iterator[str]:  # noqa: ANN401 - YAML of any shape
    for kind in _NEEDS:
        for name, value in table(entry, kind).items():
            if name != LINE and (key := _key(name, str(value), graph)):
                yield key


def _key(name: str, version: str, graph: Mapping[str, Any]) -> str | None:
    """The entry that a name and a version mean; the version is a whole key where the name is an alias."""
    candidates = (f"{name}@{version}", f"/{name}@{version}", f"/{name}/{version}", version, f"/{version}")
    return next((key for key in candidates if key in graph), None)


def _roots(folder: str, entry: Mapping[str, Any], graph: Mapping[str, Any]) -> Iterator[Root]:
    place = "" if folder == "." else folder
    specifiers = table(entry, "specifiers")
    for kind, dev in TABLES:
        for name, value in table(entry, kind).items():
            if name == LINE:
                continue
            version = str(value.get("version", "")) if isinstance(value, dict) else str(value)
            spec = value.get("specifier") if isinstance(value, dict) else specifiers.get(name)
            key = f"link:{_joined(place, version[5:])}" if version.startswith("link:") else _key(name, version, graph)
            yield Root(place, name, str(spec or ""), key, dev)


def _joined(folder: str, relative: str) -> str:
    """The folder of a workspace's member that another one links to."""
    parts = [part for part in folder.split("/") if part]
    for part in relative.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)


def _add_members(lock: Lock, importers: Mapping[str, Any], graph: Mapping[str, Any]) -> None:
    """Members of the workspace are no packages, but what a member needs comes in through it."""
    for folder, entry in importers.items():
        place = "" if folder == "." else folder
        inner = [root.key for root in _roots(folder, entry, graph) if not root.dev and root.key]
        lock.nodes[f"link:{place}"] = Node(place, "", needs=tuple(inner), origin=MEMBER)
