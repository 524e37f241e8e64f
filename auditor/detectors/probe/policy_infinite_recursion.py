"""Policies that lead back to their own table: PostgreSQL refuses every query on it (42P17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import table_place
from auditor.model import Answer, Confidence, Proof, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.database import Database
    from auditor.sources.probes import Probed, TableProbe


def ask(database: Database, probed: Probed) -> Iterator[Answer]:
    del database
    for result in probed.tables.values():
        if result.plans:
            yield _answer(result)


def _answer(result: TableProbe) -> Answer:
    place = table_place(result.table, aspect="policy")
    failed = [plan for plan in result.plans if plan.state == "error"]
    if not failed:
        return Answer(place.subject, State.OK, f"{len(result.plans)} plans, none of them recursive", place)
    commands = sorted({plan.command for plan in failed})
    callers = " and ".join(dict.fromkeys(plan.caller for plan in failed))
    proof = Proof(failed[0].script, failed[0].seen, "a plan")
    detail = f"{', '.join(commands)} as {callers} fails: {failed[0].seen}"
    return Answer(place.subject, State.FAIL, detail, place, confidence=Confidence.PROVED, proof=proof, evidence="42P17")
