"""Triggers on auth.users that copy a privileged column out of what the new user sent along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.column_guards import decides_elsewhere
from auditor.detectors.policies import PG_PROC, read_functions
from auditor.facts.ownership import find_owned
from auditor.facts.policy_inserts import from_metadata, inserted
from auditor.facts.privileged_columns import privileged_columns
from auditor.model import Answer, Confidence, DbObject, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.ownership import Owned
    from auditor.facts.policy_functions import Function, Functions
    from auditor.facts.schema import Table
    from auditor.sources.database import Database

_TRIGGERS = """
select distinct t.tgfoid::bigint as oid
from pg_trigger t
join pg_class c on c.oid = t.tgrelid and c.relname = 'users'
join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'auth'
join own_function f on f.oid = t.tgfoid
where not t.tgisinternal
"""


def ask(database: Database) -> Iterator[Answer]:
    triggers = {row["oid"] for row in database.select(_TRIGGERS)}
    owned, functions = find_owned(database.schema), read_functions(database)
    for function in {f.oid: f for f in functions.values() if f.oid in triggers}.values():
        yield _answer(function, list(_copied(function, owned, database)), database, functions)


def _copied(function: Function, owned: dict[int, Owned], database: Database) -> Iterator[tuple[Table, str]]:
    """The privileged columns that the new user chooses."""
    body = function.body
    for given in inserted(body):
        for table in database.schema.tables.values():
            mine = owned.get(table.oid)
            if table.name != given.relation or not mine or not from_metadata(given.value, body):
                continue
            if given.column in privileged_columns(table, mine):
                yield table, given.column


def _answer(function: Function, found: list[tuple[Table, str]], database: Database, functions: Functions) -> Answer:
    place = DbObject("function", function.identity, PG_PROC, function.oid)
    if not found:
        return Answer(place.subject, State.OK, "copies nothing privileged from what the user sent", place)
    deciding = [pair for pair in found if decides_elsewhere(*pair, database, functions)]
    table, column = (deciding or found)[0]
    used = ", by which policies or functions decide" if deciding else ""
    detail = f"copies {column} of {table.identity}{used} from raw_user_meta_data, which whoever signs up fills in"
    confidence = Confidence.INFERRED if deciding else Confidence.SUSPECTED
    return Answer(
        place.subject, State.FAIL, detail, place, confidence=confidence, evidence=f"{table.identity}.{column}"
    )
