"""Former versions that were read before and held nothing: a scan goes on where the time of the last one ended.

A version is named by its content, so what is known of it stays true for as long as the formats looked for are the same.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from auditor.facts.secret_files import is_env
from auditor.facts.secret_formats import signature
from auditor.sources.user_cache import load, store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from auditor.sources.git_versions import Version

_MOST = 500_000
_FORMAT = 1


def name_of(version: Version) -> str:
    """An env file is looked at more closely than the same content elsewhere."""
    return f"{version.oid}{'e' if is_env(version.path) else ''}"


def seen_before(cache: Path | None, top: Path) -> frozenset[str]:
    known = load(_place(cache, top)) if cache else None
    return frozenset(name for name in known if isinstance(name, str)) if isinstance(known, list) else frozenset()


def remember(cache: Path | None, top: Path, names: Iterable[str]) -> None:
    if cache:
        store(_place(cache, top), sorted(names)[:_MOST])


def _place(cache: Path, top: Path) -> Path:
    name = hashlib.sha256(f"{_FORMAT}\0{signature()}\0{top}".encode("utf-8", "surrogateescape")).hexdigest()
    return cache / "history" / f"{name}.json"
