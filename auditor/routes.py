"""The inventory of endpoints alone, what the API serves of a replayed database among them: no engine, no score."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.code_lane import WORTH_A_PROCESS
from auditor.inquiry import served_endpoints
from auditor.lanes import refuse_emptiness, sources
from auditor.model import NotApplicable, Unavailable
from auditor.packed import unpack
from auditor.plan import Evidence, Source
from auditor.report_tables import build_endpoints

if TYPE_CHECKING:
    from contextlib import ExitStack

    from auditor.facts.helper_names import Helpers
    from auditor.facts.histories import Histories
    from auditor.facts.inventory import Inventory
    from auditor.listed import EndpointRow
    from auditor.model import Target
    from auditor.report import Endpoint
    from auditor.sources.code import Code

_API_ROLE = re.compile(r"\bnoinherit\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Routes:
    """`lost` is the reason why what the database's API serves is not among the endpoints, empty where it is."""

    endpoints: list[Endpoint]
    lost: str = ""


def list_routes(target: Target, helpers: Helpers | None = None) -> Routes:
    """Every endpoint below the target with its controls. Raises NothingToScan and Unavailable."""
    table = sources(target, helpers=helpers)
    table["other half"] = Source(("code",), lambda e, s: _other_half(e, helpers, s))
    with Evidence(table) as evidence:
        refuse_emptiness(evidence.get("repository"), target)
        shared = _is_shared(evidence.get("code"))
        evidence.start(("other half", "endpoints") if shared else ("endpoints",))
        served = target.shadow and _serves(evidence.get("histories"))
        evidence.start(("databases", "probes") if served else ())
        rows = _rows(evidence, shared=shared)
        lost = _lost(evidence) if served else ""
        return Routes(build_endpoints([*rows, *served_endpoints(evidence)]), lost)


def _is_shared(code: Code) -> bool:
    """Whether a second process takes half of the endpoints: where there is much code, and a core for it."""
    return len(code.files) >= 2 * WORTH_A_PROCESS and (os.cpu_count() or 1) > 1


def _other_half(evidence: Evidence, helpers: Helpers | None, stack: ExitStack) -> tuple[EndpointRow, ...]:
    from auditor.sources.workers import worker_on

    worker = worker_on(evidence.get("repository"), evidence.get("code"), (), helpers, stack)
    rows: tuple[EndpointRow, ...] = unpack(worker.endpoints(1, 2))
    return rows


def _rows(evidence: Evidence, *, shared: bool) -> list[EndpointRow]:
    """The rows of all endpoints, and of the channels that the code joins."""
    from auditor.facts.guarded import endpoint_rows
    from auditor.facts.realtime_channels import channel_rows

    inventory: Inventory = evidence.get("endpoints")
    if not shared:
        return [*endpoint_rows(inventory), *channel_rows(inventory)]
    rows: list[EndpointRow | None] = [None] * len(inventory.endpoints)
    rows[::2] = endpoint_rows(inventory, inventory.endpoints[::2])
    channels = channel_rows(inventory)
    try:
        rows[1::2] = evidence.get("other half")
    except Unavailable:  # the process was killed
        rows[1::2] = endpoint_rows(inventory, inventory.endpoints[1::2])
    return [*filter(None, rows), *channels]


def _serves(found: Histories) -> bool:
    """Whether a replay may show tables that an API serves: most databases have a backend alone in front of them."""
    return any(
        history.supabase or any(_API_ROLE.search(text) for text in history.files.values())
        for history in found.histories
    )


def _lost(evidence: Evidence) -> str:
    try:
        failed: dict[str, str] = evidence.get("databases").failed
    except Unavailable as reason:
        return str(reason)
    except NotApplicable:
        return ""
    return "; ".join(f"{name}: {reason}" for name, reason in failed.items())
