"""Migration histories of a repository: which files, in which order, for which platform."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from auditor.facts.copied_histories import without_copies
from auditor.facts.runner_files import forward, in_pairs, planned, runner_of, unwrapped, without_way_down
from auditor.facts.statements import split_statements
from auditor.facts.units import is_example, is_test, is_vendored, unit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from auditor.facts.units import UnitFacts

Layout = Literal[
    "supabase", "prisma", "drizzle", "flyway", "dbmate", "goose", "golang-migrate", "sqitch", "sql", "schema"
]  # fmt: skip
_CREATES = re.compile(r"\bcreate\s+table\b", re.IGNORECASE)
_MAX_LOCK = 5000
_POSTGRES = {"postgres", "postgresql", "cockroachdb"}
_FOLDERS = {"migrations", "migration", "migrate", "deploy"}
_SCHEMA_FILES = ("schema.sql", "structure.sql", "init.sql", "database.sql")
# Words that stand in a Supabase project's migrations and in nobody else's.
_SUPABASE = re.compile(
    r"\bauth\s*\.\s*(?:uid|jwt|role|email|users)\b|\bstorage\s*\.\s*(?:objects|buckets)\b|\bto\s+(?:anon|authenticated|service_role)\b",
    re.IGNORECASE,
)
# A repository with an auth schema of its own must not get the stand-in, unless it leans on the platform's functions.
_OWN_AUTH = re.compile(r"create\s+schema\s+(?:if\s+not\s+exists\s+)?\"?auth\b", re.IGNORECASE)
_OWN_UID = re.compile(r"create\s+(?:or\s+replace\s+)?function\s+\"?auth\"?\s*\.\s*\"?uid\b", re.IGNORECASE)
_CALLS_UID = re.compile(r"\bauth\s*\.\s*(?:uid|jwt|role)\s*\(", re.IGNORECASE)
# Platforms that apply migrations themselves write a time stamp and a hyphen; Supabase's own command asks for `_`.
_NUMBERED = re.compile(r"(?:\d+_|\d{14}-).*\.sql$")
_FOREIGN = re.compile(
    r"\bengine\s*=\s*innodb\b|\bauto_increment\b|^[ \t]*create\s+table\s+(?:if\s+not\s+exists\s+)?`"
    r"|\bengine\s*=\s*\w*mergetree\b|\bon\s+cluster\b|\bautoincrement\b|\bpragma\s+foreign_keys\b|\bwithout\s+rowid\b",
    re.IGNORECASE | re.MULTILINE,
)
_PLAINLY_POSTGRES = re.compile(
    r"\b(?:row\s+level\s+security|create\s+(?:policy|extension)|plpgsql|timestamptz|jsonb|bigserial|bytea)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class History:
    """One history. `files` maps each path, in replay order, to its text; `unread` names files that gave none.

    `unwrapped` are files that tell their runner to open no transaction.
    """

    layout: Layout
    folder: str
    unit: str
    files: dict[str, str]
    unread: tuple[str, ...]
    supabase: bool
    config: str | None = None
    unwrapped: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.folder


@dataclass(frozen=True, slots=True)
class Histories:
    """What was found: histories for Postgres, and those set aside with the reason."""

    histories: tuple[History, ...]
    set_aside: dict[str, str]


def find_histories(paths: Iterable[str], units: tuple[UnitFacts, ...], text: Callable[[str], str | None]) -> Histories:
    """Find every history below the scanned folder; `text` reads a file or returns None."""
    known = [path for path in paths if not is_vendored(path)]
    present = set(known)
    folders: dict[str, list[str]] = defaultdict(list)
    for path in known:
        if path.endswith(".sql"):
            folders[PurePosixPath(path).parent.as_posix()].append(path)
    set_aside: dict[str, str] = {}
    set_aside |= _unnumbered(folders)
    candidates = _supabase(folders) | _prisma(known) | _drizzle(folders, present, text)
    for folder, found in _plain(known, folders, present, text).items():
        candidates.setdefault(folder, found)
    if not candidates:
        candidates = _schema_files(known, text)
    histories = []
    # Where there is nothing but templates and examples, those are the product.
    real = any(not is_example(files[0]) for _, files in candidates.values())
    for folder, (layout, files) in sorted(candidates.items()):
        if reason := _refusal(folder, layout, files, present, text, examples=not real):
            set_aside[folder] = reason
        elif history := _history(folder, layout, files, units, present, text):
            histories.append(history)
        else:
            set_aside[folder] = "its statements are not PostgreSQL's"
    kept, copies = without_copies(histories, text)
    return Histories(kept, set_aside | copies)


_Found = dict[str, tuple[Layout, list[str]]]


def _supabase(folders: dict[str, list[str]]) -> _Found:
    found: _Found = {}
    for folder, files in folders.items():
        if PurePosixPath(folder).parts[-2:] == ("supabase", "migrations"):
            numbered = sorted(path for path in files if _NUMBERED.match(PurePosixPath(path).name))
            found[folder] = ("supabase", numbered or sorted(files))
    return found


def _unnumbered(folders: dict[str, list[str]]) -> dict[str, str]:
    """Files beside Supabase migrations that the platform's command passes over, and so does the replay."""
    found = [path for folder, (_, files) in _supabase(folders).items() for path in folders[folder] if path not in files]
    return dict.fromkeys(found, "not named like a migration (<number>_<name>.sql), so Supabase does not run it")


def _prisma(paths: list[str]) -> _Found:
    found: _Found = {}
    for path in paths:
        place = PurePosixPath(path)
        if place.name == "migration.sql":
            found.setdefault(place.parent.parent.as_posix(), ("prisma", []))[1].append(path)
    return {folder: (layout, sorted(files)) for folder, (layout, files) in found.items()}


def _drizzle(folders: dict[str, list[str]], present: set[str], text: Callable[[str], str | None]) -> _Found:
    found: _Found = {}
    for folder, files in folders.items():
        journal = f"{folder}/meta/_journal.json"
        if journal in present:
            tags = _journal_tags(text(journal) or "")
            order = [path for tag in tags if (path := f"{folder}/{tag}.sql") in present]
            found[folder] = ("drizzle", order or sorted(files))
    return found


def _journal_tags(text: str) -> list[str]:
    try:
        entries = json.loads(text)["entries"]
        return [str(entry["tag"]) for entry in sorted(entries, key=lambda entry: int(entry["idx"]))]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return []


def _plain(
    known: list[str], folders: dict[str, list[str]], present: set[str], text: Callable[[str], str | None]
) -> _Found:
    """What sqitch plans, then folders of numbered files, alone or in pairs of up.sql and down.sql."""
    found: _Found = {folder: ("sqitch", files) for folder, files in planned(present, text).items()}
    for folder, files in folders.items():
        parts = {part.lower() for part in PurePosixPath(folder).parts}
        numbered = forward(files)
        if numbered and parts & _FOLDERS and "functions" not in parts:
            found.setdefault(folder, (runner_of(numbered, text), numbered))
    for folder, files in in_pairs(known).items():
        found.setdefault(folder, ("sql", files))
    return found


def _schema_files(paths: list[str], text: Callable[[str], str | None]) -> _Found:
    """Declarative files count only where there are no migrations: replaying both would clash.

    A file of a usual name, else the folder whose files create the most tables.
    """
    usable = [path for path in paths if path.endswith(".sql") and not is_test(path) and not is_example(path)]
    for name in _SCHEMA_FILES:
        for path in sorted(usable, key=lambda p: (p.count("/"), p)):
            if PurePosixPath(path).name == name and _tables_in(path, text):
                return {PurePosixPath(path).parent.as_posix(): ("schema", [path])}
    counts: dict[str, int] = defaultdict(int)
    for path in usable:
        counts[PurePosixPath(path).parent.as_posix()] += _tables_in(path, text)
    best = max(sorted(counts), key=lambda folder: counts[folder], default="")
    if not counts.get(best):
        return {}
    return {best: ("schema", sorted(path for path in usable if PurePosixPath(path).parent.as_posix() == best))}


def _tables_in(path: str, text: Callable[[str], str | None]) -> int:
    return len(_CREATES.findall(text(path) or ""))


def _refusal(
    folder: str,
    layout: Layout,
    files: list[str],
    present: set[str],
    text: Callable[[str], str | None],
    *,
    examples: bool,
) -> str:
    if is_test(files[0]) or (is_example(files[0]) and not examples):
        return "part of tests or examples"
    dialect = _dialect(folder, layout, present, text)
    return f"written for {dialect}, not PostgreSQL" if dialect and dialect.lower() not in _POSTGRES else ""


def _dialect(folder: str, layout: Layout, present: set[str], text: Callable[[str], str | None]) -> str:
    if layout == "prisma":
        lock = f"{folder}/migration_lock.toml"
        above = PurePosixPath(folder).parent
        schemas = [p for p in present if p.endswith(".prisma") and PurePosixPath(p).is_relative_to(above)]
        for path in [lock] * (lock in present) + sorted(schemas):
            if match := re.search(r'provider\s*=\s*"(\w+)"(?![^{]*generator)', _datasource(text(path) or "", path)):
                return match[1]
    if layout == "drizzle" and (
        match := re.search(r'"dialect"\s*:\s*"(\w+)"', text(f"{folder}/meta/_journal.json") or "")
    ):
        return match[1]
    return ""


def _datasource(text: str, path: str) -> str:
    # What a hostile file repeats without end costs a search more than its length: look at a sane length only.
    if path.endswith(".toml"):
        return text[:_MAX_LOCK]
    match = re.search(r"^[ \t]*datasource[ \t]+\w+\s*\{[^{}]*\}", text, re.MULTILINE)
    return match[0] if match else ""


def _history(
    folder: str,
    layout: Layout,
    paths: list[str],
    units: tuple[UnitFacts, ...],
    present: set[str],
    text: Callable[[str], str | None],
) -> History | None:
    """The history with its texts, or None when the texts are another dialect's."""
    texts = {path: text(path) for path in paths}
    files = {path: without_way_down(content) for path, content in texts.items() if content is not None}
    everything = "\n".join(files.values())
    if layout != "supabase" and _is_foreign(files, everything):
        return None
    supabase = layout == "supabase" or bool(_SUPABASE.search(everything))
    config = f"{PurePosixPath(folder).parent.as_posix()}/config.toml" if layout == "supabase" else None
    return History(
        layout=layout,
        folder=folder,
        unit=unit_of(paths[0], units),
        files=files,
        unread=tuple(path for path, content in texts.items() if content is None),
        supabase=supabase and not _own_auth(everything),
        config=config if config in present else None,
        unwrapped=frozenset(path for path, content in files.items() if unwrapped(path, content, text, present)),
    )


def _is_foreign(files: dict[str, str], everything: str) -> bool:
    """Whether the texts are MySQL's or SQLite's: a comment with their words must not set a Postgres history aside."""
    if _PLAINLY_POSTGRES.search(everything):
        return False
    return any(
        statement.error and _FOREIGN.search(statement.text)
        for path, text in files.items()
        if _FOREIGN.search(text)
        for statement in split_statements(path, text)
    )


def _own_auth(text: str) -> bool:
    return bool(_OWN_UID.search(text) or (_OWN_AUTH.search(text) and not _CALLS_UID.search(text)))
