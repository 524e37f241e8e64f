"""Reads the access contract of a repository: a regular file inside the scanned folder, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from auditor.config import plain_text, reason_of
from auditor.facts.access_contract import FILE_NAME, parse_contract
from auditor.model import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.facts.access_contract import Contract


def read_contract(root: Path, chosen: str | None = None) -> Contract | None:
    """The contract at the path that the settings chose, else under its usual name; None where there is none.

    Raises UsageError naming the file when it cannot be used.
    """
    name = chosen or FILE_NAME
    try:
        text = _text(root, name)
        if text is None and chosen:
            raise UsageError(f"{name}: no such file; 'access-contract' of the settings names it")
        return None if text is None else parse_contract(text, name)
    except (ValueError, RecursionError, OSError) as error:
        raise UsageError(f"{name}: {reason_of(error)}") from error


def _text(root: Path, name: str) -> str | None:
    folder = str((root / name).parent)
    if os.path.realpath(folder) != folder:
        raise ValueError("reached through a symbolic link")
    return plain_text(root / name)
