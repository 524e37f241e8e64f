"""poetry.lock, uv.lock, pdm.lock, pylock.toml and Pipfile.lock."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from auditor.facts.lock_graph import (
    FOLDER,
    GIT,
    MEMBER,
    PYPI,
    REGISTRY,
    URL,
    Lock,
    LockfileError,
    Node,
    Root,
    is_public,
    lines_of,
    normalised,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from auditor.facts.lock_manifests import Manifest

_PIPFILE_SPEC = 6
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DEV_GROUPS = re.compile(r"dev|test|lint|doc|typing|type|ci|check|format|bench", re.IGNORECASE)
_MEMBERS = ("virtual", "editable")
_ORIGINS = {
    "git": GIT, "url": URL, "archive": URL, "directory": FOLDER, "path": FOLDER, "file": FOLDER, "vcs": GIT, "hg": GIT,
}  # fmt: skip


def poetry(path: str, text: str, manifests: Mapping[str, Manifest]) -> Lock:
    data = tomllib.loads(text)
    version = str(table(data, "metadata").get("lock-version", "1"))
    if not re.match(r"[012](?:\.|$)", version):
        raise LockfileError(f"lock-version {version} is not known")
    return _packages(path, text, data["package"], manifests, _poetry_needs)


def _poetry_needs(entry: Mapping[str, Any]) -> list[str]:
    return [normalised(name) for name in table(entry, "dependencies")]


def pdm(path: str, text: str, manifests: Mapping[str, Manifest]) -> Lock:
    data = tomllib.loads(text)
    version = str(table(data, "metadata").get("lock_version", "4"))
    if not re.match(r"4(?:\.|$)", version):
        raise LockfileError(f"lock_version {version} is not known")
    return _packages(path, text, data["package"], manifests, _listed_needs)


def pylock(path: str, text: str, manifests: Mapping[str, Manifest]) -> Lock:
    data = tomllib.loads(text)
    version = str(data.get("lock-version"))
    if not re.match(r"1(?:\.|$)", version):
        raise LockfileError(f"lock-version {version} is not known")
    return _packages(path, text, data["packages"], manifests, _listed_needs)


def _listed_needs(entry: Mapping[str, Any]) -> list[str]:
    names = []
    for item in entry.get("dependencies") or ():
        if isinstance(item, dict):
            names.append(normalised(str(item.get("name", ""))))
        elif match := _NAME.match(str(item)):
            names.append(normalised(match[0]))
    return names


def _packages(
    path: str,
    text: str,
    entries: Iterable[dict[str, Any]],
    manifests: Mapping[str, Manifest],
    needs: Any,  # noqa: ANN401 - a function of each format
) -> Lock:
    """Formats whose dependencies are names; where a name has several versions, any of them may be meant."""
    lines = lines_of(text, r'^name = "([^"]+)"')
    listed = _named(entries)
    keys: dict[str, list[str]] = {}
    for number, entry in enumerate(listed):
        keys.setdefault(normalised(entry["name"]), []).append(f"{number}")
    lock = Lock(path, PYPI)
    for number, entry in enumerate(listed):
        wanted = tuple(key for name in needs(entry) for key in keys.get(name, ()))
        lock.nodes[f"{number}"] = _node(entry, lines.get(entry["name"], 1), wanted)
    if roots := _roots(manifests, keys):
        lock.roots = roots
    return lock


def _named(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    listed = [*entries]
    if not all(isinstance(entry.get("name"), str) for entry in listed):
        raise LockfileError("does not parse: a package has no name")
    return listed


def _node(entry: Mapping[str, Any], line: int, needs: tuple[str, ...]) -> Node:
    origin, resolved = _origin(entry)
    source = table(entry, "source")
    index = str(source.get("registry") or (source.get("url") if source.get("type") == "legacy" else "") or "")
    index = index or str(entry.get("index") or "")
    files = entry.get("files") or entry.get("wheels") or ([entry["sdist"]] if entry.get("sdist") else None)
    hashed = any(isinstance(file, dict) and (file.get("hash") or file.get("hashes")) for file in files or ())
    version = entry.get("version")
    return Node(
        name=normalised(entry["name"]),
        version=str(version) if version is not None else "",
        line=line,
        needs=needs,
        origin=origin if version is not None or origin != REGISTRY else FOLDER,
        public=is_public(index),
        dev=_dev(entry),
        resolved=resolved or index,
        integrity=hashed if files else None,
    )


def _origin(entry: Mapping[str, Any]) -> tuple[str, str]:
    source = table(entry, "source")
    kind = str(source.get("type", ""))
    if kind in _ORIGINS:  # poetry
        return _ORIGINS[kind], str(source.get("url", ""))
    for key, origin in _ORIGINS.items():  # uv writes them below `source`, pdm and pylock.toml beside the name
        value = (source.get(key) if not kind else None) or entry.get(key)
        if value and not (key == "file" or value is True):
            return origin, str(value.get("url", "")) if isinstance(value, dict) else str(value)
    return (MEMBER, "") if source.keys() & {*_MEMBERS} or entry.get("editable") else (REGISTRY, "")


def _dev(entry: Mapping[str, Any]) -> bool | None:
    """What the lockfile itself says: poetry's category, or groups of which none is production's."""
    if entry.get("category") == "dev":
        return True
    groups = entry.get("groups")
    if not isinstance(groups, list) or not groups:
        return None
    if "main" in groups or "default" in groups:
        return False
    return True if all(_DEV_GROUPS.search(str(group)) for group in groups) else None


def _roots(manifests: Mapping[str, Manifest], keys: Mapping[str, list[str]]) -> list[Root]:
    missing: list[str | None] = [None]
    return [
        Root(folder, wanted.name, wanted.spec, key, wanted.dev)
        for folder, manifest in manifests.items()
        for wanted in manifest.wanted
        for key in keys.get(wanted.name, missing)
    ]


def uv(path: str, text: str, _: Mapping[str, Manifest]) -> Lock:
    data = tomllib.loads(text)
    if data.get("version", 1) != 1:
        raise LockfileError(f"version {data.get('version')} is not known")
    lines = lines_of(text, r'^name = "([^"]+)"')
    entries = {_uv_key(entry): entry for entry in _named(data.get("package", []))}
    names: dict[str, list[str]] = {}
    for key, entry in entries.items():
        names.setdefault(entry["name"], []).append(key)
    lock = Lock(path, PYPI, roots=[])
    for key, entry in entries.items():
        extras = [item for extra in table(entry, "optional-dependencies").values() for item in _items(extra)]
        needs = _uv_keys([*_items(entry.get("dependencies")), *extras], names, entries)
        lock.nodes[key] = _node(entry, lines.get(entry["name"], 1), tuple(needs))
        if lock.nodes[key].origin == MEMBER:
            lock.roots = [*(lock.roots or ()), *_uv_roots(entry, extras, names, entries)]
    groups = table(table(data, "manifest"), "dependency-groups")
    loose = [item for group in groups.values() for item in _items(group)]
    lock.roots = [*(lock.roots or ()), *_uv_named("", loose, names, entries, dev=True)]
    return lock if lock.roots else Lock(path, PYPI, lock.nodes)


def _uv_key(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}@{entry.get('version', '')}{sorted(table(entry, 'source').items())}"


def _items(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _uv_keys(
    items: Iterable[Mapping[str, Any]], names: Mapping[str, list[str]], entries: Mapping[str, Any]
) -> Iterator[str]:
    for item in items:
        for key in names.get(str(item.get("name")), ()):
            if item.get("version") in {None, entries[key].get("version")}:
                yield key


def _uv_roots(
    entry: Mapping[str, Any], extras: list[dict[str, Any]], names: Mapping[str, list[str]], entries: Mapping[str, Any]
) -> Iterator[Root]:
    source = table(entry, "source")
    folder = str(source.get("virtual") or source.get("editable") or "")
    folder = "" if folder == "." else folder
    specs = {
        str(item.get("name")): str(item.get("specifier", ""))
        for item in _items(table(entry, "metadata").get("requires-dist"))
    }
    yield from _uv_named(folder, [*_items(entry.get("dependencies")), *extras], names, entries, dev=False, specs=specs)
    groups = table(entry, "dev-dependencies")
    for group in groups.values():
        yield from _uv_named(folder, _items(group), names, entries, dev=True)


def _uv_named(
    folder: str,
    items: Iterable[Mapping[str, Any]],
    names: Mapping[str, list[str]],
    entries: Mapping[str, Any],
    *,
    dev: bool,
    specs: Mapping[str, str] | None = None,
) -> Iterator[Root]:
    for item in items:
        name = str(item.get("name"))
        for key in _uv_keys([item], names, entries):
            yield Root(folder, name, (specs or {}).get(name, str(item.get("specifier", ""))), key, dev)


def pipfile(path: str, text: str, manifests: Mapping[str, Manifest]) -> Lock:
    data = json.loads(text)
    meta = table(data, "_meta")
    if meta.get("pipfile-spec", _PIPFILE_SPEC) != _PIPFILE_SPEC:
        raise LockfileError(f"pipfile-spec {meta['pipfile-spec']} is not known")
    indexes = {str(item.get("name")): str(item.get("url", "")) for item in _items(meta.get("sources"))}
    default = next(iter(indexes.values()), "")
    lines = lines_of(text, r'^\s*"([^"]+)":\s*\{')
    lock = Lock(path, PYPI)
    for table_name, dev in (("default", False), ("develop", True)):
        for name, entry in table(data, table_name).items():
            if isinstance(entry, dict):
                index = indexes.get(str(entry.get("index")), default)
                lock.nodes[f"{table_name} {name}"] = _pipfile_node(name, entry, lines.get(name, 1), index, dev=dev)
    keys: dict[str, list[str]] = {}
    for key, node in lock.nodes.items():
        keys.setdefault(node.name, []).append(key)
    if roots := _roots(manifests, keys):
        lock.roots = roots
    return lock


def _pipfile_node(name: str, entry: Mapping[str, Any], line: int, index: str, *, dev: bool) -> Node:
    origin = next((_ORIGINS[key] for key in ("git", "path", "file", "hg") if entry.get(key)), REGISTRY)
    version = str(entry.get("version", "")).removeprefix("==")
    return Node(
        name=normalised(name),
        version=version,
        line=line,
        origin=origin if version or origin != REGISTRY else FOLDER,
        public=is_public(index),
        dev=dev,
        resolved=str(entry.get("git") or entry.get("file") or index),
        integrity=bool(entry.get("hashes")) if version else None,
    )
