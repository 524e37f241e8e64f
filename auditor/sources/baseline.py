"""Reads and writes the file of a baseline: a regular file, and inside the scanned folder unless the user named it."""

from __future__ import annotations

import os
from pathlib import Path

from auditor.config import plain_text, reason_of
from auditor.model import UsageError

_MAX_BYTES = 50_000_000


def baseline_text(root: Path, name: str, given: str | None) -> str | None:
    """The text of the baseline: the file that the user named, else `name` below the root, if it is there."""
    place = Path(given) if given else root / name
    try:
        text = plain_text(place.resolve() if given else place, _MAX_BYTES)
    except (ValueError, OSError) as error:
        raise UsageError(f"{given or name}: {reason_of(error)}") from error
    if text is None and given:
        raise UsageError(f"--baseline {given}: no such file")
    return text


def write_baseline(place: Path, text: str) -> None:
    """Replace the file as a whole, or leave it as it was."""
    partial = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        partial.write_text(text, "utf-8")
        partial.replace(place)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UsageError(f"{place}: {error.strerror}") from error
