"""Who may listen and send on a private channel of Supabase Realtime that is named after somebody else.

What a topic looks like stands in the policies alone: a prefix there (`room:`) with an id of the owner's behind it.
"""

# ruff: noqa: E501 - queries are easier to read in long lines

from __future__ import annotations

import re
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
    from auditor.facts.ownership import Owned
    from auditor.sources.acting import Actor
    from auditor.sources.callers import Caller
    from auditor.sources.database import Database
    from auditor.sources.planting import Planted

_POLICIES = """
select coalesce(pg_get_expr(q.polqual, q.polrelid), '') || ' ' || coalesce(pg_get_expr(q.polwithcheck, q.polrelid), '') as text
from pg_policy q join pg_class c on c.oid = q.polrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'realtime' and c.relname = 'messages'
"""
_PREFIX = re.compile(r"'([\w-]+[:/._-])%?'")
_MAX_TOPICS = 8
_ROW = "values ({topic}, 'broadcast', 'audit', '{{}}')"
_INSERT = f"insert into realtime.messages (topic, extension, event, payload) {_ROW}"
_SELECT = "select count(*) from realtime.messages where topic = {topic}"


@dataclass(slots=True)
class ChannelProbe:
    """One channel; `identity` has the kind of id that its topic ends with, not the id. `planted` is
    the statement that made its message.
    """

    identity: str
    topic: str
    planted: str
    attempts: list[Attempt] = field(default_factory=list)


def probe_realtime(
    database: Database, planted: Planted, owned: dict[int, Owned], callers: list[Caller], actor: Actor
) -> list[ChannelProbe]:
    """Try each channel as those to whom nothing belongs and as its owner, the control: where not even the owner gets
    in, the topic was guessed wrong, and nothing is said of it.
    """
    texts = [row["text"] for row in database.select(_POLICIES)] if database.supabase else []
    if not texts or "a" not in planted.users:
        return []
    channels = _planted(database, _topics(texts, planted, owned))
    for caller in callers if channels else ():
        if caller.home and caller.name != "owner":
            continue
        actor.become(caller)
        for channel in channels:
            for command, text in (("SELECT", _SELECT), ("INSERT", _INSERT)):
                channel.attempts.append(_attempt(caller, command, channel.topic, _filled(text, channel.topic), actor))
    return [channel for channel in channels if _says_something(channel)]


def _says_something(channel: ChannelProbe) -> bool:
    return any(attempt.state == "allowed" and attempt.caller != SERVICE for attempt in channel.attempts)


def _topics(texts: list[str], planted: Planted, owned: dict[int, Owned]) -> list[tuple[str, str]]:
    """What the topics are called in the report, and what they are."""
    owner = planted.worlds[0]
    tenants = {
        str(row[found.tenant])
        for oid, found in owned.items()
        if found.tenant and (row := owner.rows.get(oid)) and row.get(found.tenant) is not None
    }
    prefixes = ["", *sorted({match[1] for text in texts for match in _PREFIX.finditer(text)})]
    ids = [("user", owner.user), *(("tenant", tenant) for tenant in sorted(tenants)[:2])]
    topics = [(f"{prefix}<{kind}>", prefix + value) for prefix in prefixes for kind, value in ids]
    return list(dict(topics).items())[:_MAX_TOPICS]


def _planted(database: Database, topics: list[tuple[str, str]]) -> list[ChannelProbe]:
    assert database.cluster
    assert database.watchdog
    found: list[ChannelProbe] = []
    with database.cluster.connect(REPLAY_ROLE, statement_timeout="5000") as session:
        for label, topic in topics:
            try:
                with database.watchdog.watch(session):
                    session.execute((made := _filled(_INSERT, topic)).encode())
            except psycopg.Error:
                return found
            found.append(ChannelProbe(f"realtime.messages on {label}", topic, made))
    return found


def _filled(text: str, topic: str) -> str:
    return sql.SQL(text).format(topic=sql.Literal(topic)).as_string()


def _attempt(caller: Caller, command: str, topic: str, statement: str, actor: Actor) -> Attempt:
    setting = sql.SQL("select set_config('realtime.topic', {}, true)").format(sql.Literal(topic)).as_string()
    outcome, both = actor.attempt(statement, setting=setting), f"{setting};\n{statement}"
    if outcome.error is not None:
        refused = refuses(outcome.error)
        seen = f"ERROR {outcome.error.sqlstate}: {first_line(outcome.error)}"
        return Attempt(caller.name, command, "denied" if refused else "error", seen, "", _aim(caller), statement=both)
    count = int(outcome.value or 0) if command == "SELECT" else outcome.count
    seen = f"{command} of {count} row{'' if count == 1 else 's'}"
    if not count or caller.name == SERVICE or caller.home:
        return Attempt(caller.name, command, "allowed" if count else "denied", seen, "", _aim(caller), statement=both)
    claims = sql.Literal(caller.claims).as_string()
    lines = ["begin;", f"{_filled(_INSERT, topic)};", f"set local role {caller.role};"]
    lines += [f"select set_config('request.jwt.claims', {claims}, true);", f"{setting};", f"{statement};", "rollback;"]
    return Attempt(caller.name, command, "allowed", seen, "\n".join(lines), _aim(caller), statement=both)


def _aim(caller: Caller) -> str:
    return "own" if caller.home else "others"
