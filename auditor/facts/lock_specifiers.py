"""Packages that code names with their full version where it imports them, as Deno and edge functions do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.lock_graph import NPM, Package

if TYPE_CHECKING:
    from collections.abc import Iterator

_PINNED = re.compile(
    r"""["'](?:npm:/?|https://(?:esm\.sh|cdn\.jsdelivr\.net/npm|unpkg\.com|cdn\.skypack\.dev)/(?:v\d{1,4}/|\*)?)"""
    r"""(@[\w.-]{1,100}/[\w.-]{1,100}|[\w][\w.-]{0,100})@(\d+\.\d+\.\d+[\w.+-]{0,60})(?=["'/?&])"""
)
_ADDRESS = (
    r"""["'](?:npm:/?|jsr:/?|https://(?:esm\.sh|cdn\.jsdelivr\.net/npm|unpkg\.com|cdn\.skypack\.dev|deno\.land(?:/x)?)/"""
    r"""(?:v\d{1,4}/|\*)?)(?P<name>@[\w.-]{1,100}/[\w.-]{1,100}|[\w][\w.-]{0,100})"""
    r"""(?:@(?P<version>[^"'/?&\s]{1,80}))?(?P<rest>[/?&][^"'\s]{0,300})?["']"""
)
_IMPORTED = re.compile(rf"(?:\bfrom\s*|\bimport\s*\(?\s*){_ADDRESS}")
_MAPPED = re.compile(rf""""\s*:\s*{_ADDRESS}""")
_FULL = re.compile(r"v?\d+\.\d+\.\d+[\w.+-]*")
_MOST = 500  # places counted
_FILES = (".ts", ".tsx", ".mts", ".js", ".jsx", ".mjs", "deno.json", "deno.jsonc", "import_map.json")


def is_specifying(path: str) -> bool:
    return path.endswith(_FILES)


def pinned_in_code(path: str, text: str) -> Iterator[Package]:
    """Each once; what has a range or only a major version is not known, and is not listed."""
    if "npm:" not in text and "https://" not in text:
        return
    seen: set[tuple[str, str]] = set()
    for match in _PINNED.finditer(text):
        if (match[1], match[2]) not in seen:
            line = text.count("\n", 0, match.start()) + 1 if len(seen) < _MOST else 1
            seen.add((match[1], match[2]))
            yield Package(NPM, match[1], match[2], path, line, direct=True)


@dataclass(frozen=True, slots=True)
class RemoteImport:
    """A package that a file imports from a registry by itself; `version` is empty where it names none."""

    name: str
    version: str
    line: int

    @property
    def is_pinned(self) -> bool:
        return _FULL.fullmatch(self.version) is not None

    @property
    def looseness(self) -> int:
        return 0 if self.is_pinned else 1 if self.version else 2


def remote_imports(path: str, text: str) -> list[RemoteImport]:
    """What a module or an import map takes from a registry, each name once, the loosest of its versions; no types."""
    if not any(hint in text for hint in ("npm:", "jsr:", "https://")):
        return []
    found: dict[str, RemoteImport] = {}
    for match in (_MAPPED if path.endswith((".json", ".jsonc")) else _IMPORTED).finditer(text):
        line = text.count("\n", 0, match.start("name")) + 1 if len(found) < _MOST else 1
        one = RemoteImport(match["name"], match["version"] or "", line)
        known = found.get(one.name, one)
        if not _is_type(text, match) and (known is one or one.looseness > known.looseness):
            found[one.name] = one
    return list(found.values())


def _is_type(text: str, match: re.Match[str]) -> bool:
    start = text.rfind("\n", 0, match.start()) + 1
    return (match["rest"] or "").endswith(".d.ts") or text[start : match.start()].lstrip().startswith("import type")
