"""Policies that read a relation which the caller's role has no privilege to read: every query then fails."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from auditor.detectors.policies import holds_for, policy_answer, read_policies
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.database import Database

# The column privilege of every column that the policy names, and of any where it names none.
_UNREADABLE = """
select d.objid::bigint as policy, a.name as role, n.nspname || '.' || c.relname as relation
from pg_depend d
join policy p on p.oid = d.objid
join pg_class c on c.oid = d.refobjid and c.relkind in ('r', 'p', 'v', 'm', 'f')
join pg_namespace n on n.oid = c.relnamespace
cross join api_role a
where d.classid = 'pg_policy'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid <> p.relation
group by d.objid, a.name, a.oid, n.oid, n.nspname, c.oid, c.relname
having not has_schema_privilege(a.oid, n.oid, 'USAGE') or not (
  has_table_privilege(a.oid, c.oid, 'SELECT')
  or has_any_column_privilege(a.oid, c.oid, 'SELECT')
    and bool_and(d.refobjsubid = 0 or has_column_privilege(a.oid, c.oid, d.refobjsubid::smallint, 'SELECT')))
order by d.objid, relation, role
"""


def ask(database: Database) -> Iterator[Answer]:
    unreadable: dict[int, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in database.select(_UNREADABLE):
        unreadable[row["policy"]][row["relation"]].add(row["role"])
    for table, policy, clauses in read_policies(database):
        able = {role for term in clauses.both for role in holds_for(term, policy, database)}
        blind = {name: roles & able for name, roles in unreadable[policy.oid].items() if roles & able}
        fault, severity = None, None
        if blind:
            name, roles = min(blind.items(), key=lambda item: (item[1] == {"anon"}, item[0]))
            who = " and ".join(sorted(roles))
            fault = f"reads {name}, which {who} has no privilege to read: queries on the table fail (42501)"
            severity = Severity.LOW if roles == {"anon"} else Severity.HIGH
        yield policy_answer(
            table,
            policy,
            fault,
            ok="callers can read what it reads",
            severity=severity,
            evidence=",".join(sorted(blind)),
        )
