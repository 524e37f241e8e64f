"""What strangers see through views: whether anything of the planted rows shows in one."""

# ruff: noqa: E501 - queries are easier to read in long lines

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg import sql

from auditor.sources.callers import SERVICE

if TYPE_CHECKING:
    from auditor.facts.rows import World
    from auditor.sources.acting import Actor
    from auditor.sources.callers import Caller
    from auditor.sources.database import Database
    from auditor.sources.planting import Planted
    from auditor.sources.transcripts import Transcripts

_VIEWS = """
select e.identity, e.schema, e.name, e.kind,
  (select array_agg(distinct p.role order by p.role) from privilege p where p.oid = e.oid and p.command = 'SELECT') as readers,
  (select array_agg(distinct d.refobjid::bigint) from pg_rewrite w join pg_depend d on d.objid = w.oid and d.classid = 'pg_rewrite'::regclass
    where w.ev_class = e.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> e.oid) as reads
from exposed e
where e.kind in ('v', 'm')
order by e.identity
"""
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAX_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Sight:
    """What one caller sees through a view; `state` as in the access matrix."""

    caller: str
    state: str
    seen: str
    script: str
    statement: str = ""


@dataclass(slots=True)
class ViewProbe:
    identity: str
    kind: str
    sights: list[Sight] = field(default_factory=list)


def probe_views(
    database: Database, planted: Planted, callers: list[Caller], actor: Actor, transcripts: Transcripts
) -> list[ViewProbe]:
    """Look through every exposed view as those to whom no row belongs, with the service role as the control."""
    rows = database.select(_VIEWS)
    marks = _marks(planted.worlds[0])
    if not rows or not marks:
        return []
    found = {row["identity"]: ViewProbe(row["identity"], row["kind"]) for row in rows}
    refresh = any(row["kind"] == "m" for row in rows)
    for caller in callers:
        if caller.home:
            continue
        actor.become(caller)
        for row in rows:
            if caller.role in database.api_roles and caller.role not in (row["readers"] or ()):
                seen = f"{caller.role} holds no privilege for SELECT"
                found[row["identity"]].sights.append(Sight(caller.name, "denied", seen, ""))
                continue
            if row["kind"] == "m" and refresh:
                found[row["identity"]].sights.append(Sight(caller.name, "unknown", "filled before the rows came", ""))
                continue
            query = _query(row["schema"], row["name"], marks).as_string(actor.session)
            outcome = actor.attempt(query)
            if outcome.error is not None:
                state, seen = ("denied" if outcome.error.sqlstate == "42501" else "error"), str(outcome.error.sqlstate)
            else:
                count = int(outcome.value or 0)
                state, seen = (
                    ("allowed" if count else "denied"),
                    f"{count} rows that name what belongs to somebody else",
                )
            script = (
                transcripts.write(list(row["reads"] or ()), caller, query)
                if state == "allowed" and caller.name != SERVICE
                else ""
            )
            found[row["identity"]].sights.append(Sight(caller.name, state, seen, script, query))
    for view in found.values():
        _controlled(view)
    return list(found.values())


def _controlled(view: ViewProbe) -> None:
    """A view in which nobody sees anything of the planted rows tells nothing about who may."""
    if any(sight.state == "allowed" for sight in view.sights):
        return
    view.sights = [
        Sight(s.caller, "unknown", "none of the planted rows shows in it", "", s.statement)
        if s.state == "denied" and "privilege" not in s.seen
        else s
        for s in view.sights
    ]


def _marks(world: World) -> list[str]:
    """What is found in nobody else's rows: the user's id and address, and the ids of the rows."""
    values = {str(value) for row in world.rows.values() for value in row.values() if isinstance(value, str)}
    ids = {value for value in values if _UUID.fullmatch(value)} & {world.user, *_own_ids(world)}
    return sorted({world.user, world.email, *ids})


def _own_ids(world: World) -> set[str]:
    return {str(row["id"]) for row in world.rows.values() if isinstance(row.get("id"), str)}


def _query(schema: str, name: str, marks: list[str]) -> sql.Composed:
    pattern = "|".join(re.escape(mark) for mark in marks)
    return sql.SQL(
        "select count(*) from (select audited::text as line from {} audited limit {}) lines where line ~ ({})"
    ).format(sql.Identifier(schema, name), sql.Literal(_MAX_ROWS), sql.Literal(pattern))
