"""Rows of one user or tenant that a stranger reads, tried with planted rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.outsiders import foreign, named, shown
from auditor.detectors.policies import open_by_its_words, role_of, table_place, to_blame
from auditor.facts.ownership import always_a_tenants, data_class
from auditor.facts.predicates import only_own_columns, published_by, truth_of
from auditor.model import Answer, Confidence, Proof, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.schema import Policy, Table
    from auditor.sources.attempts import Attempt
    from auditor.sources.database import Database
    from auditor.sources.probes import Probed, TableProbe


def ask(database: Database, probed: Probed) -> Iterator[Answer]:
    names = {table.oid: table.name for table in database.schema.tables.values()}
    for result in probed.tables.values():
        if result.owned:
            yield _answer(result, names)


def _answer(result: TableProbe, names: dict[int, str]) -> Answer:
    table = result.table
    place = table_place(table, aspect="rls")
    reads = foreign(result, ("SELECT",))
    if result.unplanted and reads:
        return Answer(place.subject, State.UNKNOWN, f"no row could be planted: {result.unplanted}", place)
    seen = [attempt for attempt in reads if attempt.state == "allowed"]
    if not seen:
        return Answer(place.subject, State.OK, f"{result.owned}; strangers read nothing", place)
    callers = {attempt.caller for attempt in seen}
    who = named(seen)
    place = to_blame(table, callers, {"select"})
    severity, why = _severity(result, seen, names)
    detail = f"{result.owned}, and {who} can read a row of somebody else{why}"
    proof = Proof(shown(seen).script, shown(seen).seen, "SELECT of 0 rows")
    return Answer(
        place.subject,
        State.FAIL,
        detail,
        place,
        severity=severity,
        confidence=Confidence.PROVED,
        proof=proof,
        evidence=who,
    )


def _severity(result: TableProbe, seen: list[Attempt], names: dict[int, str]) -> tuple[Severity | None, str]:
    """A policy that says "everybody may read" is a decision; what it opens tells whether it was a good one."""
    table = result.table
    if not table.rls:
        return None, " (row level security is off)"
    opened = [policy for policy in _read_policies(table, seen) if open_by_its_words(policy)]
    if not opened:
        return _listed(table, seen, names)
    named = f": policy {opened[0].name!r} opens it to everybody"
    if data_class(table) == "secret":
        return None, f"{named}, secrets included"
    assert result.owned
    if all(only_own_columns(p.using or "") and not truth_of(p.using or "").value for p in opened):
        return Severity.LOW, f": policy {opened[0].name!r} publishes rows by their own columns"
    if always_a_tenants(table, result.owned):
        return Severity.HIGH, named
    return (Severity.MEDIUM if result.owned.tenant or data_class(table) == "personal" else Severity.LOW), named


def _listed(table: Table, seen: list[Attempt], names: dict[int, str]) -> tuple[Severity | None, str]:
    """Rows that another table lists as published are for everybody to read: somebody put them there."""
    lists = [published_by(policy.using or "") for policy in _read_policies(table, seen)]
    if not lists or not all(lists) or data_class(table) == "secret":
        return None, ""
    if any(names.get(key.target) in lists for key in table.foreign_keys):
        return None, ""  # every row is in that table
    return Severity.LOW, f", once {lists[0]} lists it"


def _read_policies(table: Table, seen: list[Attempt]) -> list[Policy]:
    roles = {"public", *(role_of(attempt.caller) for attempt in seen)}
    return [p for p in table.policies if p.permissive and p.command in {"select", "all"} and roles & set(p.roles)]
