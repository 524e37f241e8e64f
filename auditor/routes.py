"""The inventory of endpoints alone, what the API serves of a replayed database among them: no engine, no score."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.inquiry import listed_endpoints, served_endpoints
from auditor.lanes import refuse_emptiness, sources
from auditor.model import NotApplicable, Unavailable
from auditor.plan import Evidence
from auditor.report_builder import build_endpoints

if TYPE_CHECKING:
    from auditor.facts.helper_names import Helpers
    from auditor.facts.histories import Histories
    from auditor.model import Target
    from auditor.report import Endpoint

_API_ROLE = re.compile(r"\bnoinherit\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Routes:
    """`lost` is the reason why what the database's API serves is not among the endpoints, empty where it is."""

    endpoints: list[Endpoint]
    lost: str = ""


def list_routes(target: Target, helpers: Helpers | None = None) -> Routes:
    """Every endpoint below the target with its controls. Raises NothingToScan and Unavailable."""
    with Evidence(sources(target, helpers=helpers)) as evidence:
        refuse_emptiness(evidence.get("repository"), target)
        served = target.shadow and _serves(evidence.get("histories"))
        evidence.start(("endpoints", *(("databases", "probes") if served else ())))
        lost = _lost(evidence) if served else ""
        evidence.get("endpoints")
        return Routes(build_endpoints([*listed_endpoints(evidence), *served_endpoints(evidence)]), lost)


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
