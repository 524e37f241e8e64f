"""Globs in the manner of .gitignore, from an untrusted hand: none may take a matcher's time without bound."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.model import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pathspec import GitIgnoreSpec

# A glob becomes a regular expression that backtracks: its time grows with the power of its wildcards.
_MAX_STARS, _MAX_DEEP = 3, 1
_MAX_LINES = 2000


def ignore_spec(text: str) -> GitIgnoreSpec:
    """The patterns of one .gitignore; a line that is no pattern, or too costly a one, ignores nothing."""
    import pathspec

    lines = [line for line in text.splitlines()[:_MAX_LINES] if line.strip() and not line.startswith("#")]
    return pathspec.GitIgnoreSpec.from_lines([line for line in lines if not fault_of(line)])


def chosen_spec(globs: Iterable[str], option: str) -> GitIgnoreSpec:
    """The globs of an option; raises UsageError naming the one that cannot be used."""
    import pathspec

    wanted = list(globs)
    for glob in wanted:
        if fault := fault_of(glob):
            raise UsageError(f"{option}: '{glob}' {fault}")
    return pathspec.GitIgnoreSpec.from_lines(wanted)


def fault_of(glob: str) -> str:
    """Why a glob cannot be used; empty when it can."""
    import pathspec

    deep = sum("**" in part for part in glob.split("/")[:-1])
    if deep > _MAX_DEEP or any(len(re.findall(r"\*+", part)) > _MAX_STARS for part in glob.split("/")):
        return "has too many wildcards"
    try:
        pathspec.GitIgnoreSpec.from_lines([glob])
    except (ValueError, re.error):
        return "is not a valid glob"
    return ""
