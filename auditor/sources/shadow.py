"""The shadow database: a throw-away server on which a history is replayed, with a stand-in of its platform."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.facts.provenance import Event, Provenance
from auditor.facts.regime import read_exposure
from auditor.model import Unavailable
from auditor.sources.acting import PLAIN_LOGIN
from auditor.sources.api_roles import find_scope
from auditor.sources.assumed import FIRST_NUMBER
from auditor.sources.binaries import asked_extensions
from auditor.sources.catalog import read_schema
from auditor.sources.cluster import REPLAY_ROLE, SUPERUSER, start_cluster
from auditor.sources.database import API_ROLES, Database, Doubt, Scope
from auditor.sources.replay import Replayer
from auditor.sources.roles import RoleKeeper
from auditor.sources.watchdog import Watchdog

if TYPE_CHECKING:
    from contextlib import ExitStack

    from auditor.facts.histories import History
    from auditor.facts.regime import Exposure
    from auditor.facts.schema import Schema
    from auditor.sources.assumed import StandIns
    from auditor.sources.binaries import Binaries
    from auditor.sources.cluster import Cluster
    from auditor.sources.replay import Replay

_SQL = Path(__file__).parent
_STATEMENT_SECONDS = 20.0
_MAX_BYTES = 2_000_000_000
# Settings of PostgREST that projects give to the role authenticator.
_POSTGREST = tuple(
    f"pgrst.{name}"
    for name in [
        "db_schemas",
        "db_extra_search_path",
        "db_pre_request",
        "db_max_rows",
        "db_plan_enabled",
        "db_aggregates_enabled",
        "db_tx_end",
        "db_anon_role",
        "db_pool",
        "openapi_mode",
        "jwt_secret",
        "jwt_aud",
        "server_cors_allowed_origins",
    ]
)
# The server has no autovacuum: of hundreds of tables that were just made it would think that there are none, and search
# them in loops within loops. Tables of the system alone, so nothing of the history is run.
_STATISTICS = "analyze " + ", ".join(
    f"pg_catalog.pg_{name}"
    for name in (
        "attrdef", "attribute", "class", "constraint", "depend", "index", "namespace", "policy", "proc", "trigger",
        "type",
    )
)  # fmt: skip
_EVENTS = """
select statement, dropped, classid::bigint, objid::bigint, tag, coalesce(identity, '')
from backend_audit_recorder.event order by number
"""


def build_shadow(
    history: History,
    binaries: Binaries,
    config: str | None,
    stack: ExitStack,
    *,
    seconds: float = 300.0,
    statement_seconds: float = _STATEMENT_SECONDS,
    max_bytes: int = _MAX_BYTES,
    grants: str | None = None,
    stand_ins: StandIns | None = None,
) -> Database:
    """Replay one history on a server of its own, which `stack` stops. `grants` chooses the platform's default grants,
    `legacy` or `explicit`, in place of what config.toml says; `stand_ins` are made first. Raises Unavailable.
    """
    asked = {name for text in history.files.values() for name in asked_extensions(text)}
    cluster = start_cluster(binaries, asked)
    stack.callback(cluster.close)
    exposure = read_exposure(config, grants)
    _prepare(cluster, exposure, supabase=history.supabase)
    watchdog = Watchdog(cluster, seconds, statement_seconds, max_bytes)
    stack.callback(watchdog.close)
    roles = RoleKeeper(cluster, supabase=history.supabase)
    if stand_ins:
        stand_ins.run(cluster, watchdog, roles)
    replay = Replayer(cluster, watchdog, roles).run(history.files.items())
    if watchdog.verdict:
        raise Unavailable(f"{history.name}: the replay was {watchdog.verdict}")
    database = _database(history, cluster, watchdog, replay, exposure, stack, stand_ins.made if stand_ins else {})
    database.config = config
    return database


def _prepare(cluster: Cluster, exposure: Exposure, *, supabase: bool) -> None:
    """Everything that a superuser does, before the first statement of the history."""
    scripts = ["recorder.sql"]
    login = f"create role {PLAIN_LOGIN} login noinherit"
    if supabase:
        login = ""
        grants = "legacy_grants.sql" if exposure.legacy else "explicit_grants.sql"
        scripts = ["supabase/platform.sql", "supabase/replay_role.sql", f"supabase/{grants}", *scripts]
    # CREATEROLE may hand out the right to run programs before version 16 (auditor/sources/roles.py).
    createrole = "createrole" if cluster.major >= 16 else ""  # noqa: PLR2004
    with cluster.connect(SUPERUSER) as session:
        session.execute(f"create role {REPLAY_ROLE} login createdb bypassrls {createrole}".encode())
        if login:
            session.execute(login.encode())
        for script in scripts:
            session.execute((_SQL / script).read_bytes())
        session.execute(f"alter database postgres owner to {REPLAY_ROLE}".encode())
        session.execute(f"alter schema public owner to {REPLAY_ROLE}".encode())
        if cluster.major >= 15:  # noqa: PLR2004 - privileges on settings came with 15
            names = ", ".join(("session_replication_role", *_POSTGREST))
            session.execute(f"grant set on parameter {names} to {REPLAY_ROLE}".encode())


def _database(
    history: History,
    cluster: Cluster,
    watchdog: Watchdog,
    replay: Replay,
    exposure: Exposure,
    stack: ExitStack,
    assumed: dict[str, str],
) -> Database:
    session = stack.enter_context(cluster.superuser())
    session.execute(_STATISTICS.encode())
    events = [Event(*row) for row in session.execute(_EVENTS.encode()).fetchall()]
    scope = Scope(exposure, API_ROLES) if history.supabase else find_scope(session) or Scope(exposure)
    scope = replace(scope, hidden=_stand_ins(events))
    schema = read_schema(session, scope)
    return Database(
        name=history.name,
        unit=history.unit,
        source="shadow",
        session=session,
        supabase=history.supabase,
        scope=scope,
        schema=schema,
        uncertain=_leaning(schema, assumed) | _uncertain(history, replay, schema),
        assumed=assumed,
        provenance=Provenance(replay.statements, events),
        replay=replay,
        history=history,
        cluster=cluster,
        watchdog=watchdog,
    )


def _stand_ins(events: list[Event]) -> frozenset[int]:
    """Object ids of what was made before the history, to stand in for what it does not make."""
    return frozenset(event.objid for event in events if (event.number or 0) >= FIRST_NUMBER and not event.dropped)


def _leaning(schema: Schema, assumed: dict[str, str]) -> dict[str, Doubt]:
    """Tables whose policies read a stand-in, of whose rows and policies nothing is known."""
    doubts = {}
    for table in schema.tables.values():
        text = " ".join(f"{policy.using} {policy.check}" for policy in table.policies)
        words = set(re.findall(r"\w+", text))
        if name := next((name for name in assumed if name.rpartition(".")[2] in words), None):
            reason = f"its policies read {name}, which no migration makes"
            doubts[table.identity.replace('"', "")] = Doubt(reason, "probes")
    return doubts


def _uncertain(history: History, replay: Replay, schema: Schema) -> dict[str, Doubt]:
    """Relations that a statement which failed would have changed: what is seen of them may not be the truth."""
    doubts: dict[str, Doubt] = {}
    by_name = {table.name: table.identity.replace('"', "") for table in schema.tables.values()}
    for failure in replay.failures:
        place = f"{failure.statement.path}:{failure.statement.line}"
        reason = f"a statement on it did not replay ({place}: {failure.message})"
        only_indexes = failure.statement.kind == "index_stmt"
        for relation in failure.relations:
            name = by_name.get(relation, "") if failure.statement.kind == "do_stmt" else relation
            if name and (name not in doubts or not only_indexes):
                doubts[name] = Doubt(reason, "indexes" if only_indexes else "")
    for path in history.unread:
        doubts.setdefault("*", Doubt(f"{path} could not be read"))
    return doubts
