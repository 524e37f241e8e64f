"""What a report lists beside its findings: endpoints with their controls, and who can do what in the databases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.model import Control, FileSpan, Presence, Proof


CONTROLS = ("auth", "validation", "rate_limit", "signature", "ownership", "audit", "cors", "headers")


@dataclass(frozen=True, slots=True)
class EndpointInput:
    """One thing that an endpoint takes: `json`, `query`, `param`, …, whether a schema sees it, where that stands, and
    whether it lets anything pass.
    """

    source: str
    presence: Presence
    schema: FileSpan | None = None
    loose: bool = False


@dataclass(frozen=True, slots=True)
class EndpointData:
    """What an endpoint reaches: tables, whose rights it asks them with, and SQL that stands in the handler itself."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    raw_sql: FileSpan | None = None


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One endpoint with its controls, each of `CONTROLS`. `where` is None for what only a live server has."""

    unit: str
    method: str
    path: str
    framework: str
    where: FileSpan | None
    controls: dict[str, Control]
    inputs: tuple[EndpointInput, ...] = ()
    data: EndpointData = EndpointData()


@dataclass(frozen=True, slots=True)
class AccessRow:
    """One cell of the access matrix: what one caller can do to one object with one command; `steps` are the attempts
    that it stands for (whose row, statement, what was seen).
    """

    database: str
    unit: str
    object: str
    caller: str
    command: str
    state: str
    proof: Proof | None = None
    steps: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AccessSetup:
    """What the transcripts of one database's cells begin with: `rows` plants everything, `callers` lets each act."""

    database: str
    unit: str
    rows: str
    callers: dict[str, str]
