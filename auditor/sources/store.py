"""The cache: what an earlier scan worked out, kept by a hash of everything that it read. One SQLite file.

It lies in the user's own cache folder and never in the scanned one. Scans at the same time share it, a killed scan
leaves what it had finished, and where it cannot be read or written there is simply no cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import stat
import threading
import time
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from typing import Self

FILE_NAME = "answers.sqlite"
MAX_BYTES = 512_000_000
_KEPT = 0.7  # the share that is left when the file grew too large
_BUSY_SECONDS = 5.0
_DAY = 86_400
_TABLE = "create table if not exists entry (key blob primary key, value blob not null, used integer not null)"


def key_of(*parts: Any) -> bytes:  # noqa: ANN401 - whatever JSON knows
    """A key that is another one where any part differs."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


@dataclass(slots=True)
class Store:
    """Entries by key. Every failure of the file is a miss, and nothing is kept from then on."""

    folder: Path | None
    max_bytes: int = MAX_BYTES
    _file: sqlite3.Connection | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: set[bytes] = field(default_factory=set)

    @property
    def usable(self) -> bool:
        return self._file is not None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _open(self) -> None:
        """Make or open the file; a folder that somebody else could write into is not used."""
        if self.folder is None:
            return
        with contextlib.suppress(OSError, sqlite3.Error):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self.folder.stat()
            if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return
            place = self.folder / FILE_NAME
            os.close(os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            file = sqlite3.connect(place, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None)
            file.execute("pragma journal_mode = wal")
            file.execute("pragma synchronous = off")  # a lost entry is worked out again
            file.execute(_TABLE)
            self._file = file

    def _close(self) -> None:
        """Note what was used, let go of the oldest entries where there are too many, and close the file."""
        self._do(self._tidy)
        if self._file is not None:
            self._file.close()
            self._file = None

    def _tidy(self, file: sqlite3.Connection) -> None:
        today = int(time.time()) // _DAY
        file.executemany(
            "update entry set used = ? where key = ? and used < ?", [(today, key, today) for key in sorted(self._seen)]
        )
        self._prune(file)

    def get(self, key: bytes) -> Any:  # noqa: ANN401 - whatever JSON knows
        """The value, None where there is none."""
        return self.get_all([key]).get(key)

    def get_all(self, keys: Iterable[bytes]) -> dict[bytes, Any]:
        """The values of those keys that have one."""
        rows: list[tuple[bytes, bytes]] = []

        def read(file: sqlite3.Connection) -> None:
            for key in keys:
                rows.extend(file.execute("select key, value from entry where key = ?", (key,)))

        self._do(read)
        found: dict[bytes, Any] = {}
        for key, value in rows:
            with contextlib.suppress(ValueError, zlib.error):
                found[key] = json.loads(zlib.decompress(value))
        self._seen |= found.keys()
        return found

    def put(self, values: Mapping[bytes, Any]) -> None:
        """Keep these values."""
        today = int(time.time()) // _DAY
        rows = [(key, zlib.compress(json.dumps(value).encode(), 1), today) for key, value in values.items()]

        def write(file: sqlite3.Connection) -> None:
            file.execute("begin immediate")
            file.executemany("insert or replace into entry values (?, ?, ?)", rows)
            file.execute("commit")

        self._do(write)

    def _do(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Work on the file, one thread at a time; after an error it is not used any more."""
        with self._lock:
            if self._file is None:
                return
            try:
                work(self._file)
            except sqlite3.Error:
                broken, self._file = self._file, None
                broken.close()

    def _prune(self, file: sqlite3.Connection) -> None:
        pages, size = (file.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "page_size"))
        if pages * size <= self.max_bytes:
            return
        left = file.execute("select sum(length(value)) from entry").fetchone()[0] or 0
        for key, length in file.execute("select key, length(value) from entry order by used").fetchall():
            if left <= self.max_bytes * _KEPT:
                break
            file.execute("delete from entry where key = ?", (key,))
            left -= length
        file.execute("vacuum")
