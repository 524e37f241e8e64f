"""Policies that the application's migrations put on tables of the platform: `storage.objects`, `realtime.messages`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.facts.alternatives import about_row_only, alternatives, anybody_meets, keeps_anon_out
from auditor.model import Answer, DbObject, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Severity
    from auditor.sources.database import Database

_PG_POLICY = 3256  # the oid of pg_catalog.pg_policy, fixed in every PostgreSQL
_POLICIES = """
select q.oid::bigint as oid, n.nspname || '.' || c.relname as relation, quote_ident(q.polname) as name,
  case q.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end as command,
  (select coalesce(array_agg(a.name order by a.name), '{}') from api_role a where 0 = any (q.polroles) or a.oid = any (q.polroles)) as roles,
  pg_get_expr(q.polqual, q.polrelid) as using, pg_get_expr(q.polwithcheck, q.polrelid) as check
from pg_policy q
join pg_class c on c.oid = q.polrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('storage', 'realtime') and c.relname in ('objects', 'messages') and q.polpermissive
order by relation, q.polname
"""  # noqa: E501 - queries are easier to read in long lines
_BUCKET = re.compile(r"\bbucket_id\b", re.IGNORECASE)
_OWNER = re.compile(r"\bowner(?:_id)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PlatformPolicy:
    """A permissive policy; `roles` are the API's roles that it is for."""

    oid: int
    relation: str
    name: str
    command: str
    roles: tuple[str, ...]
    using: str | None
    check: str | None

    @property
    def writes(self) -> bool:
        return self.command != "select"

    @property
    def who(self) -> str:
        return " and ".join(self.roles)

    def reached_by(self, wide: list[tuple[str, ...]]) -> PlatformPolicy:
        """The same policy for those roles alone that its wide alternatives let in."""
        asks_all = all(any(map(keeps_anon_out, part)) for part in wide)
        return replace(self, roles=tuple(role for role in self.roles if role != "anon" or not asks_all))

    @property
    def clauses(self) -> list[str]:
        """What decides; an UPDATE that finds no row but its own changes none, whatever its CHECK says."""
        texts = [self.check] if self.command == "insert" else [self.using]
        if self.command == "all" and self.check:
            texts.append(self.check)
        return [text for text in texts if text]

    @property
    def alternatives(self) -> list[tuple[str, ...]]:
        return [part for clause in self.clauses for part in alternatives(clause)]


def policies_on(database: Database, relation: str) -> Iterator[PlatformPolicy]:
    """The policies for roles of the API on one of the platform's tables."""
    for row in database.select(_POLICIES):
        policy = PlatformPolicy(**{**row, "roles": tuple(row["roles"])})
        if policy.relation == relation and policy.roles:
            yield policy


def tells_callers_apart(conditions: tuple[str, ...]) -> bool:
    """Whether one condition depends on who asks, or on what cannot be seen here (a table, a function)."""
    return any(not anybody_meets(c) and (not about_row_only(c) or _OWNER.search(c)) for c in conditions)


def names_bucket(conditions: tuple[str, ...]) -> bool:
    return any(_BUCKET.search(condition) for condition in conditions)


def names_owner(conditions: tuple[str, ...]) -> bool:
    return any(_OWNER.search(condition) for condition in conditions)


def wide_alternatives(policy: PlatformPolicy) -> list[tuple[str, ...]]:
    """The alternatives that do not tell callers apart; none for a role that they keep out."""
    wide = [part for part in policy.alternatives if not tells_callers_apart(part)]
    return wide if policy.reached_by(wide).roles else []


def answer(
    policy: PlatformPolicy, fault: str | None, *, ok: str = "", severity: Severity | None = None, evidence: str = ""
) -> Answer:
    place = DbObject("policy", f"{policy.relation}.{policy.name}", _PG_POLICY, policy.oid, relation=policy.relation)
    state = State.FAIL if fault else State.OK
    return Answer(place.subject, state, fault or ok, place, severity=severity, evidence=evidence)
