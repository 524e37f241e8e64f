"""A Supabase API key of role service_role: it passes every policy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from auditor.facts.secret_files import Spotted, lowered, name_before, rows
from auditor.facts.secret_jwts import find_api_keys
from auditor.facts.secrets import mask
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.secret_jwts import ApiKey
    from auditor.model import Answer
    from auditor.sources.repository import Repository


def ask(repository: Repository) -> Iterator[Answer]:
    return rows(repository, _look, "holds no service_role key")


def _look(path: str, text: str) -> Iterator[Spotted]:
    for key in find_api_keys(text):
        if key.role in {"service_role", "supabase_admin"}:
            name = name_before(text, key.start)
            yield Spotted(key.start, f"{key.role} key", _detail(key), lowered(_severity(key), path), None, name)


def _severity(key: ApiKey) -> Severity:
    return Severity.MEDIUM if _expired(key) else Severity.CRITICAL


def _expired(key: ApiKey) -> bool:
    return key.expires is not None and key.expires < time.time()


def _detail(key: ApiKey) -> str:
    project = f" of project {key.project}" if key.project else ""
    return f"a key of role {key.role}{project}{', expired' if _expired(key) else ''}: {mask(key.value)}"
