"""Settings: `backend-audit.toml` or `[tool.backend-audit]` in `pyproject.toml`, as typed objects.

The scanned repository is untrusted, so its settings may choose what is asked and what is accepted, but never a
database, a program, a cache or a path outside the scanned folder.
"""

from __future__ import annotations

import difflib
import os
import stat
import tomllib
from datetime import date  # noqa: TC003 - pydantic reads the annotation
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from auditor.model import Confidence, Severity, UsageError

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "backend-audit.toml"
_MAX_BYTES = 1_000_000
# "METHOD /path" as the list of endpoints shows it; "*" stands for any method, and in a path for any part of it.
EndpointPattern = Annotated[
    str, StringConstraints(pattern=r"^(?:(?:\*|GET|POST|PUT|PATCH|DELETE|ALL) [/*]\S*|ACTION \S+)$")
]
# A function of the project's own as calls name it: `requireUser`, `guards.requireUser`.
HelperName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*$")]


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
    access_contract: Annotated[str, AfterValidator(_inside)] | None = Field(default=None, alias="access-contract")
    ignore: tuple[Suppression, ...] = ()


# Keys that other tools of this kind take from the repository and that this one takes from its user only.
_USER_ONLY = {
    "database", "database-url", "pg-bin", "cache", "cache-dir", "advisories", "offline", "online", "binaries", "output",
}  # fmt: skip


def read_settings(root: Path) -> Settings:
    """The settings of the repository at `root`; raises UsageError naming file and key when they are wrong."""
    for name, keys in ((FILE_NAME, ()), ("pyproject.toml", ("tool", "backend-audit"))):
        values = _table(root / name, keys)
        if values is not None:
            return _settings(values, name)
    return Settings()


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


def plain_text(path: Path) -> str | None:
    """The text of a regular file; None without one, an error for a link, a device or a file without end."""
    if not os.path.lexists(path):
        return None
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file; links are not followed")
    if status.st_size > _MAX_BYTES:
        raise ValueError(f"larger than {_MAX_BYTES // 1_000_000} MB")
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        return file.read().decode("utf-8-sig")


def reason_of(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deep"
    return (error.strerror or "cannot be read") if isinstance(error, OSError) else str(error)


def _settings(values: dict[str, Any], name: str) -> Settings:
    for key in values:
        if key.lower().replace("_", "-") in _USER_ONLY:
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
