"""Settings: `backend-audit.toml` or `[tool.backend-audit]` in `pyproject.toml`, as typed objects.

The scanned repository is untrusted, so its settings may choose what is asked and what is accepted, but never a
database, a program, a cache or a path outside the scanned folder.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from dataclasses import dataclass, field
from datetime import date  # noqa: TC003 - pydantic reads the annotation
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from auditor.model import Confidence, Severity, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE_NAME = "backend-audit.toml"
_MAX_BYTES = 1_000_000
# "METHOD /path" as the list of endpoints shows it; "*" stands for any method, and in a path for any part of it.
EndpointPattern = Annotated[
    str, StringConstraints(pattern=r"^(?:(?:\*|GET|POST|PUT|PATCH|DELETE|ALL) [/*]\S*|ACTION \S+)$")
]
# A function of the project's own as calls name it: `requireUser`, `guards.requireUser`.
HelperName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*$")]

# Where the server in a folder is mounted: `"apps/api" = "/api"`.
BasePath = Annotated[str, StringConstraints(pattern=r"^/[\w./{}:\[\]-]*$", max_length=200)]

# An SPDX id or a glob of them: `AGPL-3.0-only`, `GPL-*`.
LicencePattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.*?+-]+$", max_length=100)]


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith(("/", "~")) or ".." in parts or "\0" in path:
        raise ValueError("names a file inside the scanned folder")
    return path


class Suppression(BaseModel):
    """A finding accepted on purpose. `subject` and `path` are globs; without both, the whole rule is meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    reason: str = Field(min_length=3)
    subject: str | None = None
    path: str | None = None
    until: date | None = None


class Scope(BaseModel):
    """Findings of some rules (all, where none is named) below some paths, given a severity of their own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    paths: tuple[str, ...] = Field(min_length=1)
    rules: tuple[str, ...] = ()
    severity: Severity


class Settings(BaseModel):
    """What a repository may choose for its own scans; options on the command line win."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    fail_on: Severity | str | None = Field(default=None, alias="fail-on", pattern="^(critical|high|medium|low|never)$")
    min_confidence: Confidence | None = Field(default=None, alias="min-confidence")
    allow_unknown: tuple[str, ...] = Field(default=(), alias="allow-unknown")
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    public_endpoints: tuple[EndpointPattern, ...] = Field(default=(), alias="public-endpoints")
    auth_helpers: tuple[HelperName, ...] = Field(default=(), alias="auth-helpers")
    limit_helpers: tuple[HelperName, ...] = Field(default=(), alias="limit-helpers")
    validation_helpers: tuple[HelperName, ...] = Field(default=(), alias="validation-helpers")
    base_paths: dict[str, BasePath] = Field(default_factory=dict, alias="base-paths")
    access_contract: Annotated[str, AfterValidator(_inside)] | None = Field(default=None, alias="access-contract")
    fail_on_new: Severity | None = Field(default=None, alias="fail-on-new")
    min_grade: Literal["A", "B", "C", "D", "F"] | None = Field(default=None, alias="min-grade")
    min_coverage: float | None = Field(default=None, alias="min-coverage", ge=0, le=100)
    denied_licences: tuple[LicencePattern, ...] = Field(default=(), alias="denied-licences")
    require: tuple[str, ...] = ()
    frameworks: tuple[str, ...] = ()
    severity: dict[str, Severity] = Field(default_factory=dict)
    weight: dict[str, Severity] = Field(default_factory=dict)
    scope: tuple[Scope, ...] = ()
    ignore: tuple[Suppression, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """Settings with the file that they stand in, and the line of each key; `ignore.0` is the first suppression."""

    settings: Settings = field(default_factory=Settings)
    file: str = FILE_NAME
    lines: Mapping[str, int] = field(default_factory=dict)

    def place(self, key: str) -> str:
        return f"{self.file}:{self.lines.get(key, 1)}"


# Keys that other tools of this kind take from the repository and that this one takes from its user only: why.
_CONNECTS = "it would make the tool connect to a place that the repository chose"
_RUNS = "it would make the tool run a program that the repository chose"
_READS = "it would make the tool trust data that the repository chose"
_WRITES = "it would make the tool write where the repository chose"
_USER_ONLY = {
    "database": _CONNECTS, "database-url": _CONNECTS, "probe-database": _CONNECTS, "online": _CONNECTS,
    "offline": _CONNECTS, "pg-bin": _RUNS, "binaries": _RUNS, "semgrep": _RUNS, "semgrep-rules": _RUNS, "git": _RUNS,
    "advisories": _READS, "vex": _READS, "import-audit": _READS, "history": _WRITES, "cache": _WRITES,
    "cache-dir": _WRITES, "output": _WRITES, "root": "it would lead the tool out of the scanned folder",
}  # fmt: skip
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+|\"[^\"]+\")\s*[.=]")


def read_settings(root: Path) -> Settings:
    """The settings of the repository at `root`; raises UsageError naming file and key when they are wrong."""
    return read_config(root).settings


def read_config(root: Path) -> Config:
    """The same, with the place of each key."""
    for name, keys in ((FILE_NAME, ()), ("pyproject.toml", ("tool", "backend-audit"))):
        values = _table(root / name, keys)
        if values is not None:
            return Config(_settings(values, name), name, _lines(plain_text(root / name) or "", ".".join(keys)))
    return Config()


def _lines(text: str, table: str) -> dict[str, int]:
    """Where the keys below a table stand: `fail-on`, `severity.rls-disabled`, `ignore.0`. Good enough to point at."""
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    inside: str | None = None if table else ""
    for number, line in enumerate(text.split("\n"), 1):
        if match := _HEADER.fullmatch(line.rstrip("\r")):
            name = match[2].replace('"', "").replace(" ", "")
            inside = "" if name == table else name.removeprefix(table + ".") if name.startswith(table + ".") else None
            inside = name if not table else inside
            if inside and match[1] == "[[":
                counts[inside] = counts.get(inside, -1) + 1
                inside = f"{inside}.{counts[inside]}"
            if inside:
                found.setdefault(inside, number)
        elif inside is not None and (key := _KEY.match(line)):
            found.setdefault(f"{inside}.{key[1].strip(chr(34))}".lstrip("."), number)
    return found


def _table(path: Path, keys: tuple[str, ...]) -> dict[str, Any] | None:
    """The table of settings in a file, None where it has none."""
    try:
        text = plain_text(path)
        values: Any = None if text is None else tomllib.loads(text)
    except (ValueError, RecursionError, OSError) as error:
        if not keys:
            raise UsageError(f"{path.name}: {reason_of(error)}") from error
        return None  # a pyproject.toml that does not parse is its owner's matter, not this tool's
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    if keys and values is not None and not isinstance(values, dict):
        raise UsageError(f"{path.name}: [{'.'.join(keys)}] is not a table")
    return cast("dict[str, Any] | None", values)


def plain_text(path: Path, most: int = _MAX_BYTES) -> str | None:
    """The text of a regular file; None without one, an error for a link, a device or a file without end."""
    if not os.path.lexists(path):
        return None
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file; links are not followed")
    if status.st_size > most:
        raise ValueError(f"larger than {most // 1_000_000} MB")
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        return file.read().decode("utf-8-sig")


def reason_of(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deep"
    return (error.strerror or "cannot be read") if isinstance(error, OSError) else str(error)


def _settings(values: dict[str, Any], name: str) -> Settings:
    for key in values:
        if why := _USER_ONLY.get(key.lower().replace("_", "-")):
            raise UsageError(f"{name}: '{key}' may not be set by a repository: {why}; pass it on the command line")
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{name}: {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    found = error.errors()
    # A key that is misspelt is the cause of the one that is missing.
    first = next((item for item in found if item["type"] == "extra_forbidden"), found[0])
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"'{where}': {first['msg']}"
    models: dict[str, type[BaseModel]] = {"ignore": Suppression, "scope": Scope}
    model = models.get(str(first["loc"][0]), Settings)
    known = [item.alias or key for key, item in model.model_fields.items()]
    close = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
    return f"unknown key '{where}'" + (f"; did you mean '{close[0]}'?" if close else "")
