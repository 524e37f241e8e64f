"""The plugins that @fastify/autoload finds in a folder, each with the prefix that its place gives it."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, property_of, string_of
from auditor.facts.endpoints import join_paths
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.symbols import Symbols

_HOOKS = re.compile(r"(?:^|[/._-])autohooks?\.[cm]?[jt]s$")
_INDEX = re.compile(r"^index\.")
_PARAMETER = re.compile(r"^_+(\w+)")
_HERE = re.compile(r"__dirname|import\.meta\.|\b_?dirname\b")


@dataclass(frozen=True, slots=True)
class Loaded:
    """One plugin of the folder; `hooks` are the `autohooks` files whose hooks stand before it."""

    plugin: Site
    prefix: str
    hooks: tuple[Site, ...] = ()


@dataclass(frozen=True, slots=True)
class _Patterns:
    """Which files are loaded in place of their folder, which are left out, and which alone are wanted."""

    index: re.Pattern[str]
    ignored: re.Pattern[str] | None
    wanted: re.Pattern[str] | None


def autoloaded(symbols: Symbols, options: Site) -> Iterator[Loaded]:
    """Every plugin of the folder that the options name."""
    folder = _folder(symbols, options)
    if folder is None:
        return
    inner, fixed = property_of(options.node, "options"), ""
    target = symbols.resolve(options.path, inner) if inner is not None else None
    if isinstance(target, Site) and target.node.type == "object":
        fixed = string_of(property_of(target.node, "prefix")) or ""
    files = sorted(path for path in symbols.code.files if path.startswith(folder + "/") and not path.endswith(".d.ts"))
    hooks = [path for path in files if _HOOKS.search(path)] if _is_on(options, "autoHooks") else []
    cascade, flat = _is_on(options, "cascadeHooks"), text_of(property_of(options.node, "dirNameRoutePrefix")) == "false"
    patterns = _Patterns(
        _pattern(symbols, options, "indexPattern") or _INDEX,
        _pattern(symbols, options, "ignorePattern"),
        _pattern(symbols, options, "matchFilter"),
    )
    for path in _plugins(files, patterns, folder):
        held = posixpath.dirname(path)
        parts = (_PARAMETER.sub(r":\1", part) for part in ("" if flat else held.removeprefix(folder)).split("/"))
        before = (each for each in hooks if _stands_before(posixpath.dirname(each), held, cascade=cascade))
        yield Loaded(
            Site(path, symbols.module(path).root), join_paths(fixed, *parts, _own_prefix(symbols, path)),
            tuple(Site(each, symbols.module(each).root) for each in before),
        )  # fmt: skip


def _plugins(files: list[str], patterns: _Patterns, folder: str) -> Iterator[str]:
    """The files that are loaded: beside an index file, nothing else of its folder is."""
    index = {path for path in files if patterns.index.search(posixpath.basename(path))}
    whole = {posixpath.dirname(path) for path in index}
    for path in files:
        loaded = path in index or (
            posixpath.dirname(path) not in whole
            and not (patterns.ignored and patterns.ignored.search(posixpath.basename(path)))
            and (patterns.wanted is None or patterns.wanted.search(path.removeprefix(folder)) is not None)
        )
        if loaded and not _HOOKS.search(path):
            yield path


def _pattern(symbols: Symbols, options: Site, key: str) -> re.Pattern[str] | None:
    """A regular expression of the options; None for what is none, or what cannot be read as one."""
    written = property_of(options.node, key)
    target = symbols.resolve(options.path, written) if written is not None else None
    parts = re.fullmatch(r"/(.*)/(\w*)", text_of(target.node)) if isinstance(target, Site) else None
    try:
        return re.compile(parts[1], re.IGNORECASE if "i" in parts[2] else 0) if parts else None
    except re.error:
        return None


def _stands_before(folder: str, held: str, *, cascade: bool) -> bool:
    return held == folder or (cascade and held.startswith(folder + "/"))


def _is_on(options: Site, key: str) -> bool:
    return text_of(property_of(options.node, key)) == "true"


def _own_prefix(symbols: Symbols, path: str) -> str:
    target = symbols.exported(path, "autoPrefix")
    return (string_of(target.node) or "") if isinstance(target, Site) else ""


def _folder(symbols: Symbols, options: Site) -> str | None:
    """The folder of `dir: path.join(__dirname, "routes")`, from the root of the repository."""
    written = property_of(options.node, "dir")
    target = symbols.resolve(options.path, written) if written is not None else None
    if not isinstance(target, Site):
        return None
    if (plain := string_of(target.node)) is not None:
        return plain.strip("./")
    if target.node.type != "call_expression" or not _HERE.search(text_of(target.node)):
        return None
    parts = [text for given in arguments_of(target.node) if (text := string_of(given)) is not None]
    if not parts:
        parts = [string_of(node) or "" for node in nodes(symbols.code.files[target.path], target.node, "string")][:1]
    return posixpath.normpath(posixpath.join(posixpath.dirname(target.path), *(part.lstrip("/") for part in parts)))
