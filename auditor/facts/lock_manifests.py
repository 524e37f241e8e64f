"""Manifests: which dependencies package.json, pyproject.toml and Pipfile ask for, and where that is written."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from auditor.facts.lock_graph import NPM, PYPI, normalised, table

if TYPE_CHECKING:
    from collections.abc import Iterable

MANIFESTS = {"package.json", "pyproject.toml", "Pipfile"}
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(@\s*[^;]+|[^;]*)")


_MAX_LOCATED = 1000  # names whose line is looked for


@dataclass(frozen=True, slots=True)
class Wanted:
    """One dependency of a manifest: the range as it is written there, and its line."""

    name: str
    spec: str
    line: int = 1
    dev: bool = False
    optional: bool = False  # or only on some platforms


@dataclass(frozen=True, slots=True)
class Manifest:
    """`overrides` are names whose version is set elsewhere than in the dependency's own line."""

    path: str
    ecosystem: str
    name: str = ""
    wanted: tuple[Wanted, ...] = ()
    peers: frozenset[str] = frozenset()
    overrides: frozenset[str] = frozenset()
    workspaces: tuple[str, ...] = ()
    data: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def folder(self) -> str:
        folder = PurePosixPath(self.path).parent.as_posix()
        return "" if folder == "." else folder


def read_manifest(path: str, text: str) -> Manifest | None:
    """The dependencies of one manifest; None where it does not parse."""
    name = PurePosixPath(path).name
    try:
        data = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
        if not isinstance(data, dict):
            return None
        return _node(path, text, data) if name == "package.json" else _python(path, text, data, name)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _node(path: str, text: str, data: dict[str, Any]) -> Manifest:
    wanted: dict[str, Wanted] = {}
    lines = _key_lines(text)
    for key in ("devDependencies", "dependencies", "optionalDependencies"):  # what production takes comes last and wins
        for name, spec in table(data, key).items():
            line = lines.get((key, name), 1)
            wanted[name] = Wanted(name, str(spec), line, key == "devDependencies", key == "optionalDependencies")
    spaces = data.get("workspaces")
    listed = spaces.get("packages") if isinstance(spaces, dict) else spaces
    pnpm = table(data, "pnpm")
    overridden = [*table(data, "overrides"), *table(data, "resolutions"), *table(pnpm, "overrides")]
    return Manifest(
        path,
        NPM,
        str(data.get("name") or ""),
        tuple(wanted.values()),
        frozenset(table(data, "peerDependencies")),
        frozenset(override_name(item) for item in overridden),
        tuple(str(item) for item in listed) if isinstance(listed, list) else (),
        data,
    )


def override_name(key: str) -> str:
    """`a>b@^1` and `**/b` set the version of b."""
    last = re.split(r">|\*\*/", key)[-1]
    return last[0] + last[1:].split("@")[0] if last else ""


def _key_lines(text: str) -> dict[tuple[str, str], int]:
    """The line of each dependency below the table that it stands in."""
    found: dict[tuple[str, str], int] = {}
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        for match in re.finditer(r'"((?:dev|optional)?[dD]ependencies)"\s*:\s*\{|"([^"\\]+)"\s*:\s*"', line):
            current = match[1] or current
            if match[2] and current:
                found.setdefault((current, match[2]), number)
    return found


def _python(path: str, text: str, data: dict[str, Any], name: str) -> Manifest:
    lines = text.splitlines()
    listed = _pipfile(data) if name == "Pipfile" else _pyproject(data)
    wanted = {item.name: item for item in sorted(listed, key=lambda item: not item.dev)}
    located = [_located(item, lines) for item in wanted.values()] if len(wanted) <= _MAX_LOCATED else wanted.values()
    title = table(data, "project").get("name") or table(table(data, "tool"), "poetry").get("name") or ""
    uv = table(table(data, "tool"), "uv")
    set_elsewhere = [*_listed(uv.get("override-dependencies"), dev=False)]
    overrides = frozenset(item.name for item in set_elsewhere)
    return Manifest(path, PYPI, normalised(str(title)), tuple(located), overrides=overrides, data=data)


def _located(item: Wanted, lines: list[str]) -> Wanted:
    pattern = re.compile(rf"[\s\"'\[]*{re.escape(item.name).replace('-', '[-_.]+')}(?![\w.-])", re.IGNORECASE)
    line = next((number for number, text in enumerate(lines, 1) if pattern.match(text)), 1)
    return Wanted(item.name, item.spec, line, item.dev, item.optional)


def _pipfile(data: dict[str, Any]) -> Iterable[Wanted]:
    for key, dev in (("packages", False), ("dev-packages", True)):
        yield from _tabled(table(data, key), dev=dev)


def _pyproject(data: dict[str, Any]) -> Iterable[Wanted]:
    project, tools = table(data, "project"), table(data, "tool")
    poetry = table(tools, "poetry")
    yield from _listed(project.get("dependencies"), dev=False)
    for extra in table(project, "optional-dependencies").values():
        yield from _listed(extra, dev=False, optional=True)
    for group in [*table(data, "dependency-groups").values(), *table(table(tools, "pdm"), "dev-dependencies").values()]:
        yield from _listed(group, dev=True)
    yield from _listed(table(tools, "uv").get("dev-dependencies"), dev=True)
    yield from _tabled(table(poetry, "dependencies"), dev=False)
    yield from _tabled(table(poetry, "dev-dependencies"), dev=True)
    for name in table(poetry, "group"):
        yield from _tabled(table(table(table(poetry, "group"), name), "dependencies"), dev=name != "main")


def _tabled(values: dict[str, Any], *, dev: bool) -> Iterable[Wanted]:
    """Poetry's and Pipenv's way: a name, and a range or a table that holds one."""
    for name, value in values.items():
        if name.lower() == "python":
            continue
        spec = value if isinstance(value, str) else table_spec(value)
        yield Wanted(normalised(name), spec, dev=dev, optional=not isinstance(value, str))


def table_spec(value: object) -> str:
    if not isinstance(value, dict):
        return ""
    for key in ("git", "url", "path", "file"):
        if isinstance(value.get(key), str):
            pinned = value.get("rev") or value.get("ref")
            branch = value.get("branch") or value.get("tag")
            return f"{key}+{value[key]}" + (f"@{pinned or branch}" if pinned or branch else "")
    return str(value.get("version", ""))


def _listed(values: object, *, dev: bool, optional: bool = False) -> Iterable[Wanted]:
    for item in values if isinstance(values, list) else ():
        if isinstance(item, str) and (match := _REQUIREMENT.match(item)):
            spec = match[2].strip().strip("()").strip()
            yield Wanted(normalised(match[1]), spec, dev=dev, optional=optional or ";" in item)
