"""Which columns an API role may write, and which of them a trigger watches."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.policy_terms import bare_name, terms_of

if TYPE_CHECKING:
    from auditor.facts.policy_functions import Functions
    from auditor.facts.schema import Table
    from auditor.sources.database import Database

_WRITABLE = """
select r.oid::bigint as oid, a.attname::text as name, o.name as role,
  has_column_privilege(o.oid, r.oid, a.attnum, 'INSERT') as insert, has_column_privilege(o.oid, r.oid, a.attnum, 'UPDATE') as update
from exposed r
join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
cross join api_role o
where r.kind in ('r', 'p') and r.rls
"""  # noqa: E501 - one column each
# tgtype: 4 insert, 16 update
_TRIGGERS = """
select t.tgrelid::bigint as oid, t.tgtype & 4 > 0 as insert, t.tgtype & 16 > 0 as update, p.prosrc as source
from pg_trigger t
join pg_proc p on p.oid = t.tgfoid
join exposed r on r.oid = t.tgrelid
where not t.tgisinternal and t.tgenabled <> 'D'
"""
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Guards:
    """`writable` holds (table, column, role, command); `triggers` the bodies by (table, command)."""

    writable: frozenset[tuple[int, str, str, str]]
    triggers: dict[tuple[int, str], list[str]]

    def may_write(self, table: Table, column: str, role: str, command: str) -> bool:
        return (table.oid, column, role, command) in self.writable

    def watched(self, table: Table, column: str, command: str) -> bool:
        """Whether a trigger names the column and sets it, or can refuse."""
        bodies = self.triggers.get((table.oid, command), [])
        return any(_watches(body, column) for body in bodies)

    def overwritten(self, table: Table, column: str, command: str) -> bool:
        """Whether a trigger gives the column a value of its own, whatever a statement says."""
        bodies = self.triggers.get((table.oid, command), [])
        name = rf"\bnew\s*\.\s*\"?{re.escape(column)}\"?"
        set_anew = re.compile(rf"(?:;|\bbegin|\bthen|\belse)\s*{name}\s*:?=(?!\s*coalesce)", re.IGNORECASE)
        kept = re.compile(rf"{name}\s+is\s+(?:not\s+)?null", re.IGNORECASE)
        return any(set_anew.search(body) and not kept.search(body) for body in bodies)


def read_guards(database: Database) -> Guards:
    commands = ("insert", "update")
    writable = frozenset(
        (row["oid"], row["name"], row["role"], command)
        for row in database.select(_WRITABLE)
        for command in commands
        if row[command]
    )
    triggers: dict[tuple[int, str], list[str]] = defaultdict(list)
    for row in database.select(_TRIGGERS):
        for command in commands:
            if row[command]:
                triggers[row["oid"], command].append(_COMMENT.sub(" ", row["source"] or ""))
    return Guards(writable, dict(triggers))


def _watches(body: str, column: str) -> bool:
    if not re.search(rf"\b{re.escape(column)}\b", body, re.IGNORECASE):
        return False
    sets = re.search(rf'\bnew\."?{re.escape(column)}"?\s*:?=(?!=)', body, re.IGNORECASE)
    return bool(sets or re.search(r"\braise\s+exception\b|\breturn\s+(?:old|null)\b", body, re.IGNORECASE))


def decides_elsewhere(table: Table, column: str, database: Database, functions: Functions) -> bool:
    """Whether a policy or a function of the application looks this column up to decide something."""
    for other in database.schema.tables.values():
        for policy in other.policies:
            for text in filter(None, (policy.using, policy.check)):
                if _looks_up(text, other, table, column):
                    return True
    word, name = (re.compile(rf"\b{re.escape(part)}\b") for part in (column, table.name))
    bodies = [function.body for function in functions.values() if "trigger" not in function.language]
    return any(name.search(body) and word.search(body) and _selects(body, table) for body in bodies)


def _looks_up(text: str, holder: Table, table: Table, column: str) -> bool:
    term = terms_of(text, holder.name)
    for select in term.walk() if term else ():
        aliases = {source.alias for source in select.sources if bare_name(source.relation) == table.name}
        if any(part.kind == "column" and part.name in {f"{a}.{column}" for a in aliases} for part in select.walk()):
            return True
    return False


def _selects(body: str, table: Table) -> bool:
    return bool(re.search(rf'\b(?:from|join)\s+(?:"?\w+"?\.)?"?{re.escape(table.name)}\b', body, re.IGNORECASE))
