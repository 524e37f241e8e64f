"""The access contract of the repository says more than its callers can do, or says nothing about what they can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.contract import changes_by_object, contract_of, made_at, place_of, seen_cells
from auditor.model import Answer, FileSpan, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.access_contract import Change
    from auditor.sources.database import Database
    from auditor.sources.probes import Probed

_STALE = {"narrowed", "gone", "uncovered", "new"}


def ask(database: Database, probed: Probed) -> Iterator[Answer]:
    contract = contract_of(database)
    for identity, changes in changes_by_object(database, seen_cells(probed)).items():
        stale = [change for change in changes if change.kind in _STALE]
        if any(change.opens and change.kind == "new" for change in stale):  # access-wider-than-contract says so
            stale = [change for change in stale if change.kind != "new"]
        gone = all(change.kind == "gone" and not change.caller for change in changes)
        made = place_of(database, probed, identity)
        subject = f"{'function' if '(' in identity else 'table'} {identity}" if gone else made.subject
        span = FileSpan(contract.path, contract.line(identity)) if gone else made_at(database, made)
        state = State.FAIL if stale else State.OK
        detail = _said(stale) if stale else "as in the contract"
        evidence = " ".join(sorted({f"{c.kind}:{c.caller}:{c.command.lower()}" for c in stale}))
        yield Answer(subject, state, detail, span if gone else made, span=span, evidence=evidence)


def _said(changes: list[Change]) -> str:
    parts = [text for kind in ("gone", "narrowed", "new", "uncovered") if (text := _part(kind, changes))]
    return "; ".join(parts)


def _part(kind: str, changes: list[Change]) -> str:
    found = [change for change in changes if change.kind == kind]
    if not found:
        return ""
    callers = ", ".join(dict.fromkeys(change.caller for change in found if change.caller))
    if kind == "gone":
        return f"nothing is known of {callers} any more" if callers else "no caller reaches it any more, or it is gone"
    listed = ", ".join(f"{change.caller} {change.command}" for change in found[:6]) + (" …" if len(found) > 6 else "")  # noqa: PLR2004
    return {
        "narrowed": f"narrower than the contract: {listed}",
        "new": f"not in the contract: {callers}",
        "uncovered": f"the contract does not ask about {', '.join(dict.fromkeys(c.command for c in found))}",
    }[kind]
