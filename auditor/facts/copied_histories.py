"""Folders of migrations that were copied: one database is described twice, and would be reported twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from auditor.facts.histories import History

_OPENS = re.compile(r"^[ \t]*(?:schemas|extra_search_path|auto_expose_new_tables)[ \t]*=[^\n]*", re.MULTILINE)
_ENOUGH = 3  # files that an older copy has in common with the whole: fewer may be alike by chance


def without_copies(
    found: Iterable[History], text: Callable[[str], str | None]
) -> tuple[tuple[History, ...], dict[str, str]]:
    """The histories without those that another one repeats, and why each of these is set aside."""
    kept: list[History] = []
    set_aside: dict[str, str] = {}
    for history in sorted(found, key=_rank):
        whole = next((other for other in kept if _repeats(history, other, text)), None)
        if whole is None:
            kept.append(history)
        else:
            same = "a copy of" if len(history.files) == len(whole.files) else "an older copy of"
            set_aside[history.folder] = f"{same} {whole.folder} by its content; that one is replayed"
    return tuple(sorted(kept, key=lambda history: history.folder)), set_aside


def _rank(history: History) -> tuple[bool, int, bool, int, str]:
    """The one to keep comes first: where Supabase looks for it, the longest, with its settings, nearest to the root."""
    return (
        history.layout != "supabase",
        -len(history.files),
        history.config is None,
        history.folder.count("/"),
        history.folder,
    )


def _repeats(history: History, other: History, text: Callable[[str], str | None]) -> bool:
    """Whether a history is another one, or that one's beginning; an unread file may make the difference."""
    if history.unread or other.unread or not history.files:
        return False
    if history.config and other.config and _served(text(history.config)) != _served(text(other.config)):
        return False
    ours, theirs = _texts(history), _texts(other)
    return ours == theirs or (len(ours) >= _ENOUGH and ours == theirs[: len(ours)])


def _served(config: str | None) -> list[str]:
    """The settings by which the same tables would be open to others."""
    return _OPENS.findall(config or "")


def _texts(history: History) -> list[str]:
    return [text.replace("\r\n", "\n").strip() for text in history.files.values()]
