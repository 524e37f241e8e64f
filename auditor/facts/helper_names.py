"""Functions of a project that its settings name as what authenticates, limits or validates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.syntax import text_of
from auditor.model import Control, Presence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.reach import Reacher
    from auditor.facts.symbols import Site


@dataclass(frozen=True, slots=True)
class Helpers:
    """The names in `backend-audit.toml`: `auth-helpers = ["requireUser"]`, `limit-helpers`, `validation-helpers`; and
    `bases`, the folders whose servers are mounted below a path.
    """

    auth: tuple[str, ...] = ()
    limit: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    bases: tuple[tuple[str, str], ...] = ()


def with_helpers(reacher: Reacher, endpoint: Endpoint, names: tuple[str, ...], found: Control) -> Control:
    """What was found; where that is nothing sure, a declared helper that the endpoint uses."""
    if found.presence is Presence.PRESENT or not names:
        return found
    used = next((name for name in _used(reacher, endpoint) if _last(name) in names or name in names), "")
    return Control(Presence.PRESENT, f"{used}, declared in backend-audit.toml") if used else found


def _used(reacher: Reacher, endpoint: Endpoint) -> Iterator[str]:
    """The names of the guards, and of what guards and handler call, two calls on."""
    handler = (endpoint.handler,) if endpoint.handler is not None else ()
    for guard in (*endpoint.guards, *endpoint.middleware):
        yield _name(guard)
    for site in (*endpoint.guards, *endpoint.middleware, *handler):
        yield from (call.name for call in reacher.reach(site, 2).calls)


def _name(guard: Site) -> str:
    return text_of(guard.node).partition("(")[0].strip()


def _last(name: str) -> str:
    return name.rsplit(".", 1)[-1]
