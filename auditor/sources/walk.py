"""The files of a folder that git does not list: a walk that honours .gitignore and follows no link."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from auditor.sources.git_folder import read_plain
from auditor.sources.globs import ignore_spec

if TYPE_CHECKING:
    from pathlib import Path

    from pathspec import GitIgnoreSpec

_NEVER = {".git", "node_modules", ".venv"}
_MAX_IGNORE_BYTES = 1_000_000
_Chain = tuple[tuple[str, "GitIgnoreSpec"], ...]


def walk(root: Path) -> tuple[list[str], dict[str, str]]:
    """Everything below `root` that is no folder and not ignored, links and devices too; and what could not be read.

    A stack instead of recursion: an archive can nest folders deeper than Python calls.
    """
    found: list[str] = []
    unread: dict[str, str] = {}
    stack: list[tuple[str, _Chain]] = [("", ())]
    while stack:
        base, chain = stack.pop()
        try:
            with os.scandir(root / base) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as error:
            unread[base or "."] = f"folder that cannot be read: {error.strerror}"
            continue
        chain = _extended(chain, root, base, entries, unread)
        for entry in entries:
            path = base + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if entry.name in _NEVER or _ignored(path + "/" * is_folder, chain):
                continue
            if is_folder:
                stack.append((path + "/", chain))
            else:
                found.append(path)
    return sorted(found), unread


def _extended(chain: _Chain, root: Path, base: str, entries: list[os.DirEntry[str]], unread: dict[str, str]) -> _Chain:
    if not any(entry.name == ".gitignore" for entry in entries):
        return chain
    data = read_plain(root / base / ".gitignore", _MAX_IGNORE_BYTES)
    if data is None:
        unread[f"{base}.gitignore"] = "not a regular file of sane size; nothing is ignored for it"
        return chain
    return (*chain, (base, ignore_spec(data.decode("utf-8", "replace"))))


def _ignored(path: str, chain: _Chain) -> bool:
    """The innermost .gitignore that says anything decides, as in git."""
    for base, spec in reversed(chain):
        said = spec.check_file(path[len(base) :]).include
        if said is not None:
            return said
    return False
