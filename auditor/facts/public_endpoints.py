"""Endpoints that a project declares public in its settings: `POST /contact`, `GET /v1/public/*`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.facts.endpoints import Endpoint


def declared_public(patterns: Iterable[str], endpoint: Endpoint) -> bool:
    """Whether one of the patterns names the endpoint."""
    return any(_matches(pattern, endpoint) for pattern in patterns)


def matches_nothing(patterns: Iterable[str], endpoints: Sequence[Endpoint]) -> list[str]:
    """The patterns that name no endpoint: out of date, or misspelt."""
    return [pattern for pattern in patterns if not any(_matches(pattern, endpoint) for endpoint in endpoints)]


def _matches(pattern: str, endpoint: Endpoint) -> bool:
    method, _, path = pattern.partition(" ")
    wanted = re.escape(path.strip()).replace(r"\*", ".*")
    return method in {"*", endpoint.method} and bool(re.fullmatch(wanted, endpoint.address))
