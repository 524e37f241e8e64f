"""VEX documents that the user names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auditor.facts.vex import VexError, read_vex
from auditor.model import UsageError

if TYPE_CHECKING:
    from auditor.facts.vex import Statement

_MAX_BYTES = 50_000_000


def read_statements(file: str) -> list[Statement]:
    """The statements of one file; raises UsageError where it is none."""
    try:
        place = Path(file)
        if place.stat().st_size > _MAX_BYTES:
            raise UsageError(f"--vex {file}: larger than any real document")
        return read_vex(place.read_text("utf-8-sig"))
    except (VexError, UnicodeDecodeError) as error:
        raise UsageError(f"--vex {file}: {error}") from error
    except OSError as error:
        raise UsageError(f"--vex {file}: {error.strerror}") from error
