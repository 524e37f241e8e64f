"""Local advisory databases: folders, zip and tar.gz archives of OSV records, osv-scanner's cache, our own sqlite.

Records come from outside: archives are read member by member into memory and never unpacked to disk, so that no name
leads anywhere; sizes are limited by what was really read; and a record that does not parse costs that record alone.
"""

from __future__ import annotations

import json
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from auditor.facts.advisories import Advisories
from auditor.facts.advisory_retire import is_retire, records_of
from auditor.model import Unavailable
from auditor.sources.advisory_sqlite import is_compiled, read_compiled

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

_MAX_RECORD = 2_000_000
_MAX_LIST = 50_000_000  # one file that holds many records, as RetireJS has it
_MAX_RECORDS = 500_000
_MAX_TOTAL = 4_000_000_000
_SUFFIXES = {".json", ".yaml", ".yml"}
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


def read_advisories(sources: Iterable[str], wanted: Container[tuple[str, str]] | None = None) -> Advisories:
    """The records of every source, later ones added; raises Unavailable where none is readable."""
    database = Advisories(wanted=wanted)
    for source in sources:
        place = Path(source)
        if not place.exists():
            raise Unavailable(f"--advisories {source}: no such file or folder")
        database.begin(place.name or source)
        if is_compiled(place):
            read_compiled(place, database)
            continue
        for name, data in _members(place):
            _add(database, name, data)
    if not database.records:
        raise Unavailable(f"--advisories: no readable OSV record for npm or PyPI ({database.refusals} refused)")
    return database


def _add(database: Advisories, name: str, data: bytes | str) -> None:
    """One file; a text instead of bytes is the reason why it was not read."""
    if isinstance(data, str):
        database.refuse(name, data)
        return
    try:
        value = _parsed(name, data)
        listed = records_of(value) if is_retire(value) else value if isinstance(value, list) else [value]
    except _UNREADABLE as error:
        database.refuse(name, f"does not parse ({type(error).__name__})")
        return
    for record in listed:
        try:
            database.add(record)
        except _UNREADABLE as error:
            database.refuse(name, str(error).splitlines()[0][:100] if str(error) else type(error).__name__)


def _parsed(name: str, data: bytes) -> Any:  # noqa: ANN401 - JSON or YAML of any shape
    if PurePosixPath(name).suffix == ".json":
        return json.loads(data)
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(data)
    except YAMLError as error:
        raise ValueError("no YAML") from error


def _members(place: Path) -> Iterator[tuple[str, bytes | str]]:
    if place.is_dir():
        yield from _folder(place)
    elif zipfile.is_zipfile(place):
        yield from _zip(place)
    elif place.suffix in _SUFFIXES:
        yield _file(place)
    elif _is_tar(place):
        yield from _tar(place)
    else:
        raise Unavailable(f"--advisories {place.name}: not a folder, a zip or tar.gz file, or a compiled database")


def _is_tar(place: Path) -> bool:
    try:
        return tarfile.is_tarfile(place)
    except _BROKEN:
        return False


def _folder(place: Path) -> Iterator[tuple[str, bytes | str]]:
    """Records below a folder, and the archives in which osv-scanner keeps each ecosystem."""
    for path in sorted(place.rglob("*")):
        if path.suffix in _SUFFIXES:
            yield _file(path)
        elif path.name == "all.zip" and path.is_file():
            yield from _zip(path)


def _file(path: Path) -> tuple[str, bytes | str]:
    try:
        if not path.is_file():
            return path.name, "not a regular file"
        with path.open("rb") as file:
            data = file.read(_MAX_LIST + 1)
    except OSError as error:
        return path.name, f"cannot be read ({error.strerror})"
    return path.name, _sized(data)


def _sized(data: bytes) -> bytes | str:
    """A single record is small; many in one file may take more."""
    limit = _MAX_LIST if is_retire(data) or data.lstrip()[:1] == b"[" else _MAX_RECORD
    return data if len(data) <= limit else f"larger than {limit // 1_000_000} MB"


def _zip(place: Path) -> Iterator[tuple[str, bytes | str]]:
    total = 0
    try:
        with zipfile.ZipFile(place) as archive:
            members = archive.infolist()
            if len(members) > _MAX_RECORDS:
                yield place.name, f"holds {len(members)} files, of which {_MAX_RECORDS} were read"
            for member in members[:_MAX_RECORDS]:
                if PurePosixPath(member.filename).suffix in _SUFFIXES:
                    data = _zipped(archive, member)
                    total = _counted(place, total, data)
                    yield member.filename, data
    except zipfile.BadZipFile as error:
        raise Unavailable(f"--advisories {place.name}: the zip file is damaged") from error


def _zipped(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | str:
    try:
        with archive.open(member) as file:
            data = file.read(_MAX_RECORD + 1)  # what the header says of the size need not be true
    except _BROKEN as error:
        return f"damaged ({type(error).__name__})"
    return data if len(data) <= _MAX_RECORD else f"larger than {_MAX_RECORD // 1_000_000} MB"


def _tar(place: Path) -> Iterator[tuple[str, bytes | str]]:
    """As a stream; what lies between members is unpacked too, so each of them counts with its whole size."""
    total = 0
    try:
        with tarfile.open(place, "r|*") as archive:
            for member in archive:
                total = _counted(place, total, member.size)
                if member.isreg() and PurePosixPath(member.name).suffix in _SUFFIXES:
                    file = archive.extractfile(member) if member.size <= _MAX_RECORD else None
                    yield member.name, file.read() if file else f"larger than {_MAX_RECORD // 1_000_000} MB"
    except _BROKEN as error:
        yield place.name, f"the archive ends in damage ({type(error).__name__})"


def _counted(place: Path, total: int, data: bytes | str | int) -> int:
    total += data if isinstance(data, int) else len(data) if isinstance(data, bytes) else _MAX_RECORD
    if total > _MAX_TOTAL:
        raise Unavailable(f"--advisories {place.name}: unpacks to more than {_MAX_TOTAL // 10**9} GB")
    return total
