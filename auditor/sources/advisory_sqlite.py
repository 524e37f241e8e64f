"""The compiled advisory database: one sqlite file, of which a scan reads only the packages that it has."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from auditor.facts.advisories import Advisories, Advisory, Affected
from auditor.model import Severity, Unavailable, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from auditor.facts.advisories import Coverage

SCHEMA = 1
_MAGIC = b"SQLite format 3\0"
_TABLES = """
create table meta (key text primary key, value text not null);
create table advisory (id text primary key, aliases text, summary text, severity text, cwe text, published text,
  modified text, refs text, functions text);
create table affected (ecosystem text, name text, advisory_id text, ranges_json text, versions_json text);
create index affected_package on affected (ecosystem, name);
"""
_SELECT = (
    "select f.ecosystem, f.name, f.ranges_json, f.versions_json, a.* from affected f join advisory a on"
    " a.id = f.advisory_id"
)
_PART = 400  # names of one query: sqlite limits the number of parameters


def is_compiled(place: Path) -> bool:
    if not place.is_file():
        return False
    with place.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def build(database: Advisories, place: Path, built_at: str) -> None:
    """Write everything that was read; the file appears whole or not at all."""
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(draft)) as connection:
            connection.executescript(_TABLES)
            _fill(connection, database, built_at)
            connection.commit()
        draft.replace(place)
    except (OSError, sqlite3.Error) as error:
        raise UsageError(f"{place}: cannot be written: {error}") from error
    finally:
        draft.unlink(missing_ok=True)


def _fill(connection: sqlite3.Connection, database: Advisories, built_at: str) -> None:
    entries = sorted((key, pair) for key, pairs in database.affected.items() for pair in pairs_by_id(pairs))
    digest = hashlib.sha256()
    seen: set[str] = set()
    for (ecosystem, name), (_, advisory, affected) in entries:
        row = (ecosystem, name, advisory.id, json.dumps(affected.ranges), json.dumps(sorted(affected.versions)))
        connection.execute("insert into affected values (?, ?, ?, ?, ?)", row)
        digest.update(repr(row).encode())
        if advisory.id not in seen:
            seen.add(advisory.id)
            connection.execute("insert into advisory values (?, ?, ?, ?, ?, ?, ?, ?, ?)", _row(advisory))
    sources = [part.name for part in database.coverage]
    meta = {
        "schema": SCHEMA, "source": sources, "built_at": built_at, "newest_modified": database.newest,
        "record_count": database.records, "sha256": digest.hexdigest(),
        "malware": _summed(part.malware for part in database.coverage), "refused": database.refusals,
        "fixture": bool(database.coverage) and all(part.fixture for part in database.coverage if part.total),
    }  # fmt: skip
    connection.executemany("insert into meta values (?, ?)", [(k, json.dumps(v)) for k, v in meta.items()])


def pairs_by_id(pairs: Iterable[tuple[Advisory, Affected]]) -> list[tuple[str, Advisory, Affected]]:
    """In a fixed order that compares no advisory."""
    listed = [(f"{advisory.id}{number:04}", advisory, affected) for number, (advisory, affected) in enumerate(pairs)]
    return sorted(listed, key=lambda item: item[0])


def _summed(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts:
        for key, count in part.items():
            found[key] = found.get(key, 0) + count
    return found


def _row(advisory: Advisory) -> tuple[str, ...]:
    return (
        advisory.id,
        json.dumps(sorted(advisory.aliases)),
        advisory.summary,
        advisory.severity.value if advisory.severity else "",
        json.dumps(advisory.cwe),
        advisory.published,
        advisory.modified,
        json.dumps(advisory.refs),
        json.dumps(advisory.functions),
    )


def read_meta(place: Path) -> dict[str, Any]:
    """What a compiled database says of itself; raises Unavailable."""
    with _opened(place) as connection:
        return _meta(connection, place)


def _opened(place: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"{place.resolve().as_uri()}?mode=ro&immutable=1", uri=True))


def _meta(connection: sqlite3.Connection, place: Path) -> dict[str, Any]:
    try:
        found = {key: json.loads(value) for key, value in connection.execute("select key, value from meta")}
    except (sqlite3.Error, ValueError) as error:
        raise Unavailable(f"--advisories {place.name}: no database of advisories ({error})") from error
    if found.get("schema") != SCHEMA:
        raise Unavailable(f"--advisories {place.name}: its schema {found.get('schema')} is not known; build it anew")
    return found


def read_compiled(place: Path, database: Advisories) -> None:
    """Add the packages that are wanted; the counts are those of the whole file."""
    part = database.coverage[-1]
    try:
        with _opened(place) as connection:
            _describe(part, _meta(connection, place))
            known: dict[str, Advisory] = {}
            for row in _rows(connection, database):
                advisory = known.setdefault(row[4], _advisory(row[4:]))
                ranges = tuple((str(i), f, last) for i, f, last in json.loads(row[2]))
                affected = Affected(frozenset(json.loads(row[3])) if row[3] != "[]" else frozenset(), ranges)
                database.affected[row[0], row[1]].append((advisory, affected))
    except (sqlite3.Error, ValueError, TypeError, AttributeError) as error:
        raise Unavailable(f"--advisories {place.name}: the database is damaged ({type(error).__name__})") from error


def _describe(part: Coverage, meta: dict[str, Any]) -> None:
    part.records.update({str(k): int(v) for k, v in meta["record_count"].items()})
    part.malware.update({str(k): int(v) for k, v in meta["malware"].items()})
    part.newest, part.total = str(meta["newest_modified"]), sum(part.records.values())
    part.fixtures = part.total if meta["fixture"] is True else 0


def _rows(connection: sqlite3.Connection, database: Advisories) -> Iterator[tuple[Any, ...]]:
    wanted = database.wanted
    if not isinstance(wanted, (set, frozenset)):
        yield from connection.execute(f"{_SELECT} order by f.rowid")
        return
    names: dict[str, list[str]] = {}
    for ecosystem, name in sorted(wanted):
        names.setdefault(ecosystem, []).append(name)
    for ecosystem, listed in names.items():
        for start in range(0, len(listed), _PART):
            part = listed[start : start + _PART]
            marks = ",".join("?" * len(part))
            query = f"{_SELECT} where f.ecosystem = ? and f.name in ({marks}) order by f.rowid"
            yield from connection.execute(query, (ecosystem, *part))


def _advisory(row: tuple[Any, ...]) -> Advisory:
    identity, aliases, summary, severity, cwe, published, modified, refs, functions = row
    return Advisory(
        identity,
        frozenset(json.loads(aliases)) if aliases != "[]" else frozenset(),
        summary,
        Severity(severity) if severity else None,
        tuple(json.loads(cwe)) if cwe != "[]" else (),
        published,
        modified,
        tuple(json.loads(refs)) if refs != "[]" else (),
        tuple(json.loads(functions)) if functions != "[]" else (),
    )
