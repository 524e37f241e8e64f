"""What an endpoint is: a way in, the code behind it, and what stands in front of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.facts.parsed_files import Files
    from auditor.facts.symbols import Site
    from auditor.model import FileSpan


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way in. `method` is an HTTP method, `ALL`, or `ACTION` for a server action; `path` is as it is mounted.

    `handler` is the code that answers, None when it could not be followed (`lost` says what). `guards` is the code
    that runs before it, outermost first; `middleware` too, but it decides by the request's path what it does (Next.js).
    `schemas` are the inputs (`json`, `query`, …) that the declaration itself validates. `gateway` says what the
    platform checks before the code runs, empty for nothing. `shown` is false for a server action that no component
    imports: a build may leave it without an address. `base` is what the settings put before the path; what an endpoint
    is for is read from its own path alone. `public` says that its own decorator lets everybody pass (NestJS). `limited`
    is what counts its calls by declaration (Fastify's plugin), empty for nothing.
    """

    framework: str
    method: str
    path: str
    where: FileSpan
    handler: Site | None = None
    guards: tuple[Site, ...] = ()
    middleware: tuple[Site, ...] = ()
    schemas: frozenset[str] = frozenset()
    gateway: str = ""
    lost: str = ""
    unit: str = "."
    shown: bool = True
    base: str = ""
    public: bool = False
    limited: str = ""

    @property
    def address(self) -> str:
        """The path below what the project's settings say that its server is mounted at."""
        return join_paths(self.base, self.path) if self.base else self.path

    @property
    def sites(self) -> tuple[Site, ...]:
        """The code behind it and before it."""
        return (*((self.handler,) if self.handler is not None else ()), *self.guards, *self.middleware)

    @property
    def subject(self) -> str:
        return f"endpoint {self.method} {self.address}"


def park(endpoints: Iterable[Endpoint], files: Files) -> None:
    """Let go of the code behind endpoints; it is found again where it is asked for."""
    for endpoint in endpoints:
        for site in endpoint.sites:
            site.park(files)


class Listed(list[Endpoint]):
    """Endpoints as they are found; the code behind them is let go of where there are too many trees."""

    def __init__(self, files: Files, found: Iterable[Endpoint] = ()) -> None:
        super().__init__()
        self._files = files
        files.watch(self.park)
        self.extend(found)

    def park(self) -> None:
        park(self, self._files)


def join_paths(*parts: str) -> str:
    """One path out of prefixes: `/v1` and `/` give `/v1`."""
    whole = "/".join(part.strip("/") for part in parts if part.strip("/"))
    return "/" + whole


def covers(pattern: str, path: str) -> bool:
    """Whether a middleware's path pattern is run for every request of a route's path, as Hono and Express match."""
    wanted, had = pattern.strip("/").split("/"), path.strip("/").split("/")
    for index, part in enumerate(wanted):
        last = index == len(wanted) - 1
        if last and re.match(r"(?:\(\.\*\)|\{?/?\*)", part):
            return True
        if index >= len(had):
            return False
        if last and part.endswith("*") and not part.startswith(":"):
            return had[index].startswith(part[:-1])
        if part not in {"", "*", had[index]} and not re.match(r":\w+|\{\w+\}$", part):
            return False
    return len(wanted) == len(had)
