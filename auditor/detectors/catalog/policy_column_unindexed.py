"""Columns that policies compare with the caller's id, and that no index leads with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import PG_CLASS
from auditor.facts.ownership import compared_columns
from auditor.model import Answer, DbObject, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.schema import Table
    from auditor.sources.database import Database

_LEADING = """
select i.indrelid::bigint as oid, array_agg(distinct a.attname::text order by a.attname::text) as columns
from pg_index i
join relation r on r.oid = i.indrelid
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
where i.indpred is null
group by i.indrelid
"""


def ask(database: Database) -> Iterator[Answer]:
    leading = {row["oid"]: set(row["columns"]) for row in database.select(_LEADING)}
    for table in database.schema.exposed:
        for column in _compared(table):
            yield _judge(table, column, leading.get(table.oid, set()))


def _compared(table: Table) -> list[str]:
    """What policies ask for while they look for rows; foreign keys are asked about by foreign-key-unindexed."""
    keys = {key.columns[0] for key in table.foreign_keys}
    looking = [policy for policy in table.policies if policy.using] if table.rls else []
    names = [name for policy in looking for name in compared_columns(policy)]
    return [name for name in dict.fromkeys(names) if table.column(name) and name not in keys]


def _judge(table: Table, column: str, leading: set[str]) -> Answer:
    place = DbObject(
        "column", f"{table.identity}.{column}", PG_CLASS, table.oid, column=column, relation=table.identity
    )
    if column in leading:
        return Answer(place.subject, State.OK, "an index leads with it", place)
    detail = "a policy compares it with the caller's id for every query, and no index leads with it"
    return Answer(place.subject, State.FAIL, detail, place, evidence="no index")
