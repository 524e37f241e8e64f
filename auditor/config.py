"""Settings: `backend-audit.toml` or `[tool.backend-audit]` in `pyproject.toml`, as typed objects.

The scanned repository is untrusted, so its settings may choose what is asked and what is accepted, but never a
database, a program, a cache or a path outside the scanned folder.
"""

from __future__ import annotations

import difflib
import tomllib
from datetime import date  # noqa: TC003 - pydantic reads the annotation
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auditor.model import Confidence, Severity, UsageError

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "backend-audit.toml"
_MAX_BYTES = 1_000_000


class Suppression(BaseModel):
    """A finding accepted on purpose. `subject` and `path` are globs; without both, the whole rule is meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    reason: str = Field(min_length=3)
    subject: str | None = None
    path: str | None = None
    until: date | None = None


class Settings(BaseModel):
    """What a repository may choose for its own scans; options on the command line win."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    fail_on: Severity | str | None = Field(default=None, alias="fail-on", pattern="^(critical|high|medium|low|never)$")
    min_confidence: Confidence | None = Field(default=None, alias="min-confidence")
    allow_unknown: tuple[str, ...] = Field(default=(), alias="allow-unknown")
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    ignore: tuple[Suppression, ...] = ()


# Keys that other tools of this kind take from the repository and that this one takes from its user only.
_USER_ONLY = {"database", "pg-bin", "pg_bin", "cache", "advisories", "offline", "online", "binaries"}


def read_settings(root: Path) -> Settings:
    """The settings of the repository at `root`; raises UsageError naming file and key when they are wrong."""
    for name, table in ((FILE_NAME, ()), ("pyproject.toml", ("tool", "backend-audit"))):
        path = root / name
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= _MAX_BYTES:
            values = _table(path, table)
            if values is not None:
                return _settings(values, name)
    return Settings()


def _table(path: Path, keys: tuple[str, ...]) -> dict[str, Any] | None:
    try:
        values: Any = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        if not keys:
            raise UsageError(f"{path.name}: {error}") from error
        return None  # a pyproject.toml that does not parse is its owner's matter, not this tool's
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values if isinstance(values, dict) else None


def _settings(values: dict[str, Any], name: str) -> Settings:
    for key in values:
        if key in _USER_ONLY:
            raise UsageError(f"{name}: '{key}' may not be set by a repository; pass it on the command line")
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{name}: {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"'{where}': {first['msg']}"
    model = Suppression if first["loc"][0] == "ignore" else Settings
    known = [item.alias or key for key, item in model.model_fields.items()]
    close = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
    return f"unknown key '{where}'" + (f"; did you mean '{close[0]}'?" if close else "")
