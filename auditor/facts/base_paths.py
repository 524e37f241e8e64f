"""Where a project says that a proxy or a platform mounts its servers: `[base-paths]` in its settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.facts.endpoints import Endpoint

_NO_ADDRESS = {"ACTION", "QUERY", "MUTATION", "SUBSCRIPTION"}


def mounted(endpoints: Iterable[Endpoint], bases: tuple[tuple[str, str], ...]) -> list[Endpoint]:
    """The endpoints with the base path of the innermost folder that holds their file; procedures have no path."""
    inner_first = sorted(bases, key=lambda base: -len(base[0]))
    return [_below(endpoint, inner_first) for endpoint in endpoints] if bases else list(endpoints)


def _below(endpoint: Endpoint, bases: list[tuple[str, str]]) -> Endpoint:
    if endpoint.method in _NO_ADDRESS or not endpoint.path.startswith("/"):
        return endpoint
    for folder, base in bases:
        inside = folder.strip("/")
        if inside in {"", "."} or endpoint.where.path.startswith(f"{inside}/"):
            return replace(endpoint, base=base)
    return endpoint
