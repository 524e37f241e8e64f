"""The user's own cache folder: what another scan would have to find out again. Nothing of a repository is believed.

Files are read only where nobody but the user could have written them, and are written whole or not at all.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from auditor.sources.git_folder import read_plain

_MAX_BYTES = 50_000_000
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def user_folder(root: Path) -> Path | None:
    """Where the user's programs keep what they can do without; None inside the scanned tree, which may not answer."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        usual = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    except RuntimeError:  # a user without a home
        return None
    folder = ((Path(given) if Path(given).is_absolute() else usual) / "backend-audit").resolve()
    return None if folder.is_relative_to(root) else folder


def load(place: Path) -> Any:  # noqa: ANN401 - JSON of any shape
    """What was stored there; None without it, or where it cannot be believed."""
    try:
        if _is_ours(place.parent) and _is_ours(place):
            return json.loads(read_plain(place, _MAX_BYTES) or b"null")
    except (OSError, ValueError, RecursionError):
        pass
    return None


def store(place: Path, value: object) -> None:
    """A cache that cannot be written costs the next scan its time, and nothing else."""
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = place.with_suffix(f".{os.getpid()}")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file)
        beside.replace(place)


def _is_ours(place: Path) -> bool:
    status = place.lstat()
    return status.st_uid == os.getuid() and not status.st_mode & _OTHERS_MAY_WRITE and not stat.S_ISLNK(status.st_mode)
