"""Migrations in a programming language, which nobody runs here, and signs of a role that an API gives its callers."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.purpose import is_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_WRITTEN = {
    "Django's, in Python": re.compile(r"(?:^|/)migrations/\d{4}_\w+\.py$"),
    "Alembic's, in Python": re.compile(r"(?:^|/)(?:alembic|migrations)(?:/\w+)?/versions/\w+\.py$"),
    "written in JavaScript": re.compile(r"(?:^|/)migrations?/\d{8,}[-_]\w[\w-]*\.[cm]?[jt]s$"),
}
# Where a server that hands out such a role, or a statement that makes one, would be seen.
_TELLING = re.compile(
    r"\.(?:sql|prisma|toml|ya?ml)$|(?:^|/)(?:\.env[\w.-]*|readme[\w.-]*|dockerfile[\w.-]*|package\.json|ormconfig\.json)$",
    re.IGNORECASE,
)
_API = re.compile(
    r"supabase|postgrest|pgrst|hasura|postgraphile|row[\s_]+level[\s_]+security|create\s+policy|bypassrls|security\s+definer"
    r"|create\s+role|grant\s+(?:all|select|insert|update|delete|execute|usage)\b",
    re.IGNORECASE,
)


def written_migrations(paths: Iterable[str]) -> dict[str, str]:
    """Whose migrations there are, each with the first file."""
    found: dict[str, str] = {}
    for path in sorted(paths):
        label = next((label for label, pattern in _WRITTEN.items() if pattern.search(path)), None)
        if label and not is_aside(path):
            found.setdefault(label, path)
    return found


def api_sign(paths: Iterable[str], text: Callable[[str], str | None]) -> str:
    """The first file that says of an API role, or of row level security for one; empty where none does."""
    told = (path for path in sorted(paths) if _is_telling(path) and not is_aside(path))
    return next((path for path in told if _API.search(text(path) or "")), "")


def _is_telling(path: str) -> bool:
    if PurePosixPath(path).name.endswith(("-lock.yaml", "pnpm-lock.yaml", ".lock")):
        return False
    return bool(_TELLING.search(path) or any(pattern.search(path) for pattern in _WRITTEN.values()))
