"""Packages that code names with their full version where it imports them, as Deno and edge functions do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.lock_graph import NPM, Package

if TYPE_CHECKING:
    from collections.abc import Iterator

_PINNED = re.compile(
    r"""["'](?:npm:/?|https://(?:esm\.sh|cdn\.jsdelivr\.net/npm|unpkg\.com|cdn\.skypack\.dev)/(?:v\d{1,4}/|\*)?)"""
    r"""(@[\w.-]{1,100}/[\w.-]{1,100}|[\w][\w.-]{0,100})@(\d+\.\d+\.\d+[\w.+-]{0,60})(?=["'/?&])"""
)
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
