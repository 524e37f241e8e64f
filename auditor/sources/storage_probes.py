"""What strangers can do with an object that somebody else put into a bucket of Supabase Storage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from auditor.sources.acting import first_line
from auditor.sources.attempts import Attempt
from auditor.sources.callers import SERVICE
from auditor.sources.cluster import REPLAY_ROLE
from auditor.sources.readings import refuses

if TYPE_CHECKING:
    from auditor.sources.acting import Actor
    from auditor.sources.callers import Caller
    from auditor.sources.database import Database
    from auditor.sources.planting import Planted

_BUCKETS = "select id, coalesce(public, false) from storage.buckets order by id limit 20"
_PLANT = (
    "insert into storage.objects (bucket_id, name, owner, owner_id, metadata)"
    ' values ({bucket}, {name}, {user}, {user}, \'{{"mimetype": "text/plain"}}\')'
)
_WHERE = " where bucket_id = {bucket} and name = {name}"
_STATEMENTS = {
    "SELECT": f"select count(*) from storage.objects{_WHERE}",  # noqa: S608 - constants, filled by psycopg
    "UPDATE": f"update storage.objects set updated_at = now(){_WHERE}",  # noqa: S608 - likewise
    "DELETE": f"delete from storage.objects{_WHERE}",  # noqa: S608 - likewise
}


@dataclass(slots=True)
class BucketProbe:
    """One bucket. `public` ones serve every object by its URL, whatever the policies say. `planted` is the statement
    that put the object there.
    """

    bucket: str
    public: bool
    planted: str
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def identity(self) -> str:
        return f"storage.objects in bucket {self.bucket}"


def probe_storage(database: Database, planted: Planted, callers: list[Caller], actor: Actor) -> list[BucketProbe]:
    """Put one object of the first user into each bucket that the migrations make, in a folder named after the user, and
    try it as those to whom nothing belongs; the service role is the control.
    """
    if not database.supabase or "a" not in planted.users:
        return []
    found = _planted(database, planted.worlds[0].user)
    for caller in callers:
        if caller.home or not found:
            continue
        actor.become(caller)
        for bucket, statement in found:
            for command, text in _STATEMENTS.items():
                query = _filled(text, bucket.bucket, planted.worlds[0].user)
                bucket.attempts.append(_attempt(caller, command, query, statement, actor, planted.users["a"]))
    for bucket, _ in found:
        if not any(a.state == "allowed" for a in bucket.attempts if a.caller == SERVICE):
            bucket.attempts = []  # nothing was there to be had: a denial would mean nothing
    return [bucket for bucket, _ in found if bucket.attempts]


def _planted(database: Database, user: str) -> list[tuple[BucketProbe, str]]:
    assert database.cluster
    assert database.watchdog
    found = []
    with database.cluster.connect(REPLAY_ROLE, statement_timeout="5000") as session:
        try:
            with database.watchdog.watch(session):
                rows = session.execute(_BUCKETS).fetchall()
            for name, public in rows:
                statement = _filled(_PLANT, str(name), user)
                with database.watchdog.watch(session):
                    session.execute(statement.encode())
                found.append((BucketProbe(str(name), bool(public), statement), statement))
        except psycopg.Error:
            return found
    return found


def _filled(text: str, bucket: str, user: str) -> str:
    name = sql.Literal(f"{user}/audit.txt")
    return sql.SQL(text).format(bucket=sql.Literal(bucket), name=name, user=sql.Literal(user)).as_string()


def _attempt(caller: Caller, command: str, query: str, statement: str, actor: Actor, owner: str) -> Attempt:
    outcome = actor.attempt(query)
    if outcome.error is not None:
        refused = refuses(outcome.error)
        seen = f"ERROR {outcome.error.sqlstate}: {first_line(outcome.error)}"
        return Attempt(caller.name, command, "denied" if refused else "error", seen, "", statement=query)
    count = int(outcome.value or 0) if command == "SELECT" else outcome.count
    seen = f"{command} of {count} row{'' if count == 1 else 's'}"
    if not count:
        return Attempt(caller.name, command, "denied", seen, "", statement=query)
    if caller.name == SERVICE:
        return Attempt(caller.name, command, "allowed", seen, "", statement=query)
    claims = sql.Literal(caller.claims).as_string()
    lines = ["begin;", f"{owner};", f"{statement};", f"set local role {caller.role};"]
    lines += [f"select set_config('request.jwt.claims', {claims}, true);", f"{query};", "rollback;"]
    return Attempt(caller.name, command, "allowed", seen, "\n".join(lines), statement=query)
