"""Former versions that were read before and held nothing: a scan goes on where the time of the last one ended.

A version is named by its content, so what is known of it stays true for as long as the formats looked for are the same.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from auditor.facts.secret_files import is_env
from auditor.facts.secret_formats import signature
from auditor.sources.git_versions import Listed, Version, list_versions
from auditor.sources.user_cache import load, store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from auditor.sources.git_folder import GitFolder

_MOST = 500_000
_FORMAT = 1


def name_of(version: Version) -> str:
    """An env file is looked at more closely than the same content elsewhere."""
    return f"{version.oid}{'e' if is_env(version.path) else ''}"


def kept_listing(cache: Path | None, folder: GitFolder, inside: str, left: Callable[[], float]) -> Listed:
    """The former versions below `inside`; where no commit came since the last scan, as that one listed them."""
    if cache is None:
        return list_versions(folder, inside, left)
    place = _place(cache, folder.top, f"listing of {inside}")
    state = [folder.tips(), folder.ref("HEAD"), _depth(folder)]
    known = load(place)
    if isinstance(known, dict) and known.get("state") == state:
        with suppress(KeyError, TypeError):  # written by nobody who knows the form
            return Listed(known["commits"], 0, [Version(*row) for row in known["versions"]])
    listed = list_versions(folder, inside, left)
    if not listed.commits_unread:
        rows = [[each.oid, each.path, each.commit, each.when, each.age] for each in listed.versions]
        store(place, {"state": state, "commits": listed.commits, "versions": rows})
    return listed


def _depth(folder: GitFolder) -> str:
    """Where a shallow clone ends."""
    try:
        return (folder.private / "shallow").read_text("ascii", "replace")
    except FileNotFoundError:
        return ""


def seen_before(cache: Path | None, top: Path) -> frozenset[str]:
    known = load(_place(cache, top, "seen")) if cache else None
    return frozenset(name for name in known if isinstance(name, str)) if isinstance(known, list) else frozenset()


def remember(cache: Path | None, top: Path, names: Iterable[str]) -> None:
    if cache:
        store(_place(cache, top, "seen"), sorted(names)[:_MOST])


def _place(cache: Path, top: Path, what: str) -> Path:
    told = f"{_FORMAT}\0{signature()}\0{top}\0{what}"
    return cache / "history" / f"{hashlib.sha256(told.encode('utf-8', 'surrogateescape')).hexdigest()}.json"
