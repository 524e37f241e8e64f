"""Schemas of the platform or of the application's inside that `supabase/config.toml` puts into the API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.purpose import is_aside
from auditor.facts.supabase_config import ConfigError, is_supabase_config, line_of, read_config, setting
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.repository import Repository

_PLATFORM = {
    "auth", "vault", "pgsodium", "cron", "net", "supabase_functions", "supabase_migrations", "_realtime", "_analytics",
    "realtime", "pgbouncer", "pg_catalog", "information_schema", "extensions",
}  # fmt: skip
_INSIDE = re.compile(r"(?:^|_)(?:private|internal|secrets?|hidden)(?:_|$)")


def ask(repository: Repository) -> Iterator[Answer]:
    for path in repository.files:
        if is_supabase_config(path) and not is_aside(path):
            yield from _config(path, repository.text(path))


def _config(path: str, text: str | None) -> Iterator[Answer]:
    try:
        listed = setting(read_config(text), "api.schemas")
    except ConfigError as error:
        yield Answer(f"schema {path}", State.UNKNOWN, f"the file was not read: {error}", FileSpan(path, 1))
        return
    place = FileSpan(path, line_of(text or "", "api.schemas"))
    for name in dict.fromkeys(item for item in listed if isinstance(item, str)) if isinstance(listed, list) else ():
        fault = _fault(name)
        yield Answer(
            f"schema {path}#{name}",
            State.FAIL if fault else State.OK,
            fault[1] if fault else "a schema of the application",
            place,
            severity=fault[0] if fault else None,
            evidence=name if fault else "",
        )


def _fault(name: str) -> tuple[Severity, str] | None:
    if name in _PLATFORM:
        severity = Severity.LOW if name == "extensions" else Severity.MEDIUM
        return severity, f"{name} belongs to the platform, and everything in it that a role may use is in the API"
    if _INSIDE.search(name):
        return Severity.LOW, f"{name} is named as something internal, and is in the API"
    return None
