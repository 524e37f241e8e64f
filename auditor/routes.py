"""The inventory of endpoints alone: no database, no engine, no score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.inquiry import listed_endpoints
from auditor.lanes import refuse_emptiness, sources
from auditor.plan import Evidence
from auditor.report_builder import build_endpoints

if TYPE_CHECKING:
    from auditor.facts.helper_names import Helpers
    from auditor.model import Target
    from auditor.report import Endpoint


def list_routes(target: Target, helpers: Helpers | None = None) -> list[Endpoint]:
    """Every endpoint below the target with its controls. Raises NothingToScan and Unavailable."""
    with Evidence(sources(target, helpers=helpers)) as evidence:
        refuse_emptiness(evidence.get("repository"), target)
        evidence.get("endpoints")
        return build_endpoints(listed_endpoints(evidence))
