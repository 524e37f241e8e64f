"""Where an import leads: relative paths, aliases of tsconfig and deno.json, packages of the same workspace."""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from auditor.facts.units import is_vendored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_EXTENSIONS = (".ts", ".tsx", ".js", ".jsx", ".mts", ".cts", ".mjs", ".cjs")
_CONFIGS = {"tsconfig.json", "jsconfig.json", "tsconfig.base.json"}
_MANIFESTS = {"package.json", "deno.json", "deno.jsonc", "import_map.json"}
_REMOTE = re.compile(
    r"^(?:(?:npm|jsr):/?|node:|https?://(?:esm\.sh|deno\.land/x|cdn\.skypack\.dev|esm\.run|jsr\.io)/(?:v\d+/)?)"
)
_COMMENTS = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(r",(\s*[}\]])")
_MAX_EXTENDS = 5


@dataclass(slots=True)
class Specifiers:
    """Resolves the specifiers of imports to files of the repository. `aliases` maps a folder to (pattern, targets),
    `packages` the names of workspace packages to (folder, manifest).
    """

    files: frozenset[str]
    aliases: dict[str, list[tuple[str, list[str]]]] = field(default_factory=dict)
    packages: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    _resolved: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def resolve(self, path: str, specifier: str) -> str | None:
        """The file that an import in `path` means; None when it is a package, or is not there."""
        folder = path.rpartition("/")[0]
        if (folder, specifier) not in self._resolved:
            self._resolved[folder, specifier] = self._resolve(folder, specifier)
        return self._resolved[folder, specifier]

    def _resolve(self, folder: str, specifier: str) -> str | None:
        if specifier.startswith((".", "/")):
            return self._file(posixpath.join(folder, specifier)) if not specifier.startswith("/") else None
        for target in self._aliased(folder, specifier):
            if found := self._file(target):
                return found
        return self._workspace(specifier)

    def is_local(self, path: str, specifier: str) -> bool:
        """Whether a specifier must mean a file of this repository, be it there or not."""
        if specifier.startswith((".", "/")) or re.match(r"[@~#]/|[~#]\w|~~/|@@/", specifier):
            return True
        if package_of(specifier) in self.packages:
            return True
        return any(pattern != "*" for pattern, _ in self._patterns(posixpath.dirname(path), specifier))

    def _file(self, target: str) -> str | None:
        target = posixpath.normpath(target)
        stem, suffix = posixpath.splitext(target)
        tries = [target, *(target + end for end in _EXTENSIONS)]
        if suffix in {".js", ".jsx", ".mjs", ".cjs"}:  # TypeScript names the file that it will become
            tries += [stem + suffix.replace("js", "ts"), stem + ".tsx"]
        tries += [f"{target}/index{end}" for end in _EXTENSIONS]
        return next((path for path in tries if path in self.files), None)

    def _aliased(self, folder: str, specifier: str) -> Iterator[str]:
        for pattern, targets in self._patterns(folder, specifier):
            rest = specifier[len(pattern) - 1 :] if pattern.endswith("*") else ""
            for target in targets:
                yield target.replace("*", rest, 1) if "*" in target else target
        if match := re.match(r"[@~]/(.+)", specifier):  # the usual meaning where no configuration says
            for above in _above(folder):
                yield from (posixpath.join(above, part, match[1]) for part in ("src", "", "app"))
        if match := re.match(r"(?:~~|@@)/(.+)|#(shared/.+)", specifier):  # Nuxt's names for the root of its package
            yield from (posixpath.join(above, match[1] or match[2]) for above in _above(folder))

    def _patterns(self, folder: str, specifier: str) -> Iterator[tuple[str, list[str]]]:
        for above in _above(folder):
            for pattern, targets in self.aliases.get(above, ()):
                if specifier == pattern or (pattern.endswith("*") and specifier.startswith(pattern[:-1])):
                    yield pattern, targets

    def _workspace(self, specifier: str) -> str | None:
        name = package_of(specifier)
        if name not in self.packages:
            return None
        folder, manifest = self.packages[name]
        rest = specifier[len(name) + 1 :]
        tries = [*_exported(manifest, f"./{rest}" if rest else "."), *([rest, f"src/{rest}"] if rest else [])]
        if not rest:
            tries += [str(manifest[key]) for key in ("source", "module", "main", "types") if manifest.get(key)]
            tries += ["src/index", "index", "src"]
        return next((found for t in tries if (found := self._file(posixpath.join(folder, t)))), None)


def package_of(specifier: str) -> str:
    """The package of a specifier, without version, path and the registry's prefix: `@hono/zod-validator`, `jose`."""
    bare = _REMOTE.sub("", specifier)
    parts = bare.split("/")
    name = "/".join(parts[:2]) if bare.startswith("@") else parts[0]
    return re.sub(r"(?<=.)@[^/]*$", "", name)


def read_specifiers(files: Iterable[str], paths: Iterable[str], text: Callable[[str], str | None]) -> Specifiers:
    """The resolver for `files` (those with code), configured by the manifests among `paths`."""
    found = Specifiers(frozenset(files))
    for path in paths:
        name = PurePosixPath(path).name
        if is_vendored(path) or name not in _CONFIGS | _MANIFESTS:
            continue
        table = relaxed_json(text(path))
        folder = posixpath.dirname(path)
        if name in _CONFIGS:
            found.aliases.setdefault(folder, []).extend(_paths(path, table, text))
        else:
            found.aliases.setdefault(folder, []).extend(_import_map(folder, table))
            if name == "package.json" and isinstance(table.get("name"), str):
                found.packages.setdefault(table["name"], (folder, table))
    return found


def relaxed_json(text: str | None) -> dict[str, Any]:
    """JSON with comments and trailing commas, as compilers read it; empty when it is no table."""
    try:
        plain = _TRAILING.sub(r"\1", _COMMENTS.sub(lambda match: match[1] or "", text or ""))
        table = json.loads(plain)
    except (ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}


def _paths(path: str, table: dict[str, Any], text: Callable[[str], str | None]) -> Iterator[tuple[str, list[str]]]:
    """`compilerOptions.paths`, also those of a file that this one extends."""
    for _ in range(_MAX_EXTENDS):
        options = table.get("compilerOptions")
        options = options if isinstance(options, dict) else {}
        folder = posixpath.dirname(path)
        base = posixpath.join(folder, str(options.get("baseUrl", ".")))
        paths = options.get("paths")
        for pattern, targets in paths.items() if isinstance(paths, dict) else ():
            if isinstance(targets, list):
                yield str(pattern), [posixpath.normpath(posixpath.join(base, str(target))) for target in targets]
        if "baseUrl" in options:
            yield "*", [posixpath.normpath(posixpath.join(base, "*"))]
        extended = table.get("extends")
        if not isinstance(extended, str) or not extended.startswith("."):
            return
        path = posixpath.normpath(posixpath.join(folder, extended))
        path = path if path.endswith(".json") else path + ".json"
        table = relaxed_json(text(path))


def _import_map(folder: str, table: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """`imports` of deno.json, of an import map and of package.json (`#x`), as far as they lead to files."""
    imports = table.get("imports")
    for key, target in imports.items() if isinstance(imports, dict) else ():
        if isinstance(target, str) and target.startswith("."):
            star = "*" if key.endswith("/") else ""
            yield str(key) + star, [posixpath.normpath(posixpath.join(folder, target)) + ("/*" if star else "")]


def _exported(manifest: dict[str, Any], entry: str) -> Iterator[str]:
    exports = manifest.get("exports")
    exports = {".": exports} if isinstance(exports, str) else exports
    for key, conditions in exports.items() if isinstance(exports, dict) else ():
        value = _condition(conditions)
        if value is None:
            continue
        if key == entry:
            yield value
        elif key.endswith("*") and entry.startswith(key[:-1]):
            yield value.replace("*", entry[len(key) - 1 :])


def _condition(value: Any) -> str | None:  # noqa: ANN401 - JSON of any shape
    """The file under the first condition that a server's import fulfils."""
    while isinstance(value, dict):
        value = value.get("import") or value.get("default") or value.get("types") or value.get("require")
    return value if isinstance(value, str) else None


def _above(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""
