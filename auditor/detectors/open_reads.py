"""Functions that read nothing but what whoever calls them may read without them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.policies import reached_roles
from auditor.facts.alternatives import open_to_anybody

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auditor.facts.schema import Table
    from auditor.sources.database import Database

_RELATIONS = """
select r.oid::bigint as oid, r.name,
  (select coalesce(array_agg(a.name), '{}') from api_role a
    where r.served and r.kind in ('r', 'p') and has_schema_privilege(a.oid, r.schema_oid, 'USAGE')
      and has_table_privilege(a.oid, r.oid, 'SELECT')) as roles
from relation r
where r.kind in ('r', 'p', 'v', 'm', 'f')
"""
# What lies in schemas of the platform, or is reached by name only, is open to nobody.
_ELSEWHERE = re.compile(
    r"\b(?:auth|storage|vault|cron|net|pgmq|realtime|information_schema|supabase_\w+)\s*\.|\bpg_(?!temp\b)\w+",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")


def open_relations(database: Database) -> dict[str, frozenset[str]]:
    """For each name of a relation the roles of the API that policies let read all rows of all that is called so.

    Where row level security is off, nobody decided that all is for everybody.
    """
    found: dict[str, frozenset[str]] = {}
    for row in database.select(_RELATIONS):
        table = database.schema.tables.get(row["oid"])
        readers = all_readers(table, database) if table and table.rls else ()
        roles = frozenset(readers) & frozenset(row["roles"])
        name = row["name"].lower()
        found[name] = found.get(name, roles) & roles
    return found


def reads_what_is_open(body: str, callers: Iterable[str], open_to: Mapping[str, frozenset[str]]) -> bool:
    """Whether a body names relations, all of them open to each of its callers."""
    if _ELSEWHERE.search(body):
        return False
    named = [open_to[word] for word in {word.lower() for word in _WORD.findall(body)} if word in open_to]
    return bool(named) and all(roles.issuperset(callers) for roles in named)


def all_readers(table: Table, database: Database) -> list[str]:
    """Roles of the API that no policy keeps from any row."""
    if not table.rls:
        return list(database.api_roles)
    reading = [policy for policy in table.policies if policy.command in {"select", "all"}]
    if any(not policy.permissive for policy in reading):
        return []
    return [
        role
        for policy in reading
        for role in reached_roles(policy, database)
        if open_to_anybody(policy.using, signed_in=role != "anon")
    ]
