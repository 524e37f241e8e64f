"""The files of migration runners that share plain SQL: Flyway, dbmate, goose, golang-migrate, sqitch and their kin."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Runner = Literal["flyway", "dbmate", "goose", "golang-migrate", "sqitch", "sql"]
_NUMBERED = re.compile(r"^(?:V?\d|R__)", re.IGNORECASE)
_FLYWAY = re.compile(r"^(?:V\d[\d._]*|R)__.*\.sql$")
_BACKWARD = re.compile(r"[._-](?:down|undo|rollback|revert)\.sql$", re.IGNORECASE)
# What a file tells its runner, in a comment of its own.
_MARKS: tuple[tuple[Runner, re.Pattern[str]], ...] = (
    ("goose", re.compile(r"^--\s*\+goose\s+up\b", re.IGNORECASE | re.MULTILINE)),
    ("dbmate", re.compile(r"^--\s*migrate:up\b", re.IGNORECASE | re.MULTILINE)),
)
_DOWN = re.compile(
    r"^--\s*(?:\+goose\s+down|migrate:down|\+migrate\s+down|down\s+migration)\b.*",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_NO_TRANSACTION = re.compile(
    r"^--\s*\+goose\s+no\s+transaction\b|^--\s*migrate:up\b[^\n]*\btransaction:\s*false\b"
    r"|^--\s*\+migrate\s+up\s+notransaction\b|\bexecuteInTransaction\s*=\s*false\b",
    re.IGNORECASE | re.MULTILINE,
)
_PLANNED = re.compile(r"^([A-Za-z0-9_][^\s@%#\[\]]*)(?:\s|$)")


def forward(files: Iterable[str]) -> list[str]:
    """The numbered files of a folder that lead forward, in the order of their versions."""
    numbered = [path for path in files if _NUMBERED.match(PurePosixPath(path).name)]
    return sorted((path for path in numbered if not _BACKWARD.search(path)), key=_version)


def _version(path: str) -> tuple[bool, list[int], str]:
    """Flyway and others count in numbers (V2 before V10), timestamps sort the same; repeatable ones come last."""
    name = PurePosixPath(path).name
    head = re.match(r"[A-Za-z]*([\d._]*\d)", name)
    return name.startswith("R__"), [int(part) for part in re.split(r"[._]+", head[1]) if part] if head else [], name


def runner_of(files: list[str], text: Callable[[str], str | None]) -> Runner:
    """Which runner numbered files are written for; `sql` where they do not say."""
    if all(_FLYWAY.match(PurePosixPath(path).name) for path in files):
        return "flyway"
    if all(path.endswith(".up.sql") for path in files):
        return "golang-migrate"
    head = text(files[0]) or ""
    return next((runner for runner, mark in _MARKS if mark.search(head)), "sql")


def in_pairs(paths: Iterable[str]) -> dict[str, list[str]]:
    """Folders whose folders hold an `up.sql` each: those files by the name of their folder."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        place = PurePosixPath(path)
        if place.name == "up.sql" and place.parent.name[:1].isdigit():
            found[place.parent.parent.as_posix()].append(path)
    return {folder: sorted(files) for folder, files in found.items()}


def planned(paths: set[str], text: Callable[[str], str | None]) -> dict[str, list[str]]:
    """The deploy scripts of each sqitch project, by their folder, in the order of its plan."""
    found: dict[str, list[str]] = {}
    for plan in sorted(path for path in paths if PurePosixPath(path).name == "sqitch.plan"):
        deploy = (PurePosixPath(plan).parent / "deploy").as_posix()
        files = [path for name in _changes(text(plan) or "") if (path := f"{deploy}/{name}.sql") in paths]
        if files:
            found[deploy] = list(dict.fromkeys(files))
    return found


def _changes(plan: str) -> list[str]:
    matches = (_PLANNED.match(line.strip()) for line in plan.splitlines())
    return [match[1] for match in matches if match]


def without_way_down(text: str) -> str:
    """The text up to where it says how to undo it."""
    return _DOWN.sub("", text)


def unwrapped(path: str, content: str, text: Callable[[str], str | None], present: set[str]) -> bool:
    """Whether a file, or Flyway's settings beside it, tells the runner to open no transaction."""
    settings = text(f"{path}.conf") if f"{path}.conf" in present else None
    return bool(_NO_TRANSACTION.search(content) or _NO_TRANSACTION.search(settings or ""))
