"""The sources of a scan that are databases: shadows built from histories, a live server, and what probing them gave."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from auditor.facts.deep_syntax import TOO_DEEP
from auditor.facts.default_grants import exposed_under
from auditor.facts.generated_types import FILE, read_types
from auditor.facts.units import is_test, is_vendored
from auditor.facts.written_migrations import api_sign, written_migrations
from auditor.model import Isolated, NotApplicable, Unavailable
from auditor.sources.repository import MANIFESTS

if TYPE_CHECKING:
    from contextlib import ExitStack

    from auditor.facts.access_contract import Contract
    from auditor.facts.generated_types import Tables
    from auditor.facts.histories import Histories, History
    from auditor.model import Target
    from auditor.plan import Evidence
    from auditor.sources.assumed import Elsewhere, StandIns
    from auditor.sources.binaries import Binaries
    from auditor.sources.database import Database
    from auditor.sources.probes import Probed
    from auditor.sources.repository import Repository

_Described = tuple[str, dict[str, Any], str | None]
_DATABASE_STACKS = {
    "Supabase", "Prisma", "Drizzle", "PostgreSQL", "Knex", "TypeORM", "SQLAlchemy", "Django",
}  # fmt: skip


@dataclass(slots=True)
class Databases:
    """Everything that can be asked; `failed` maps what could not be had to the reason."""

    databases: list[Database] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    set_aside: dict[str, str] = field(default_factory=dict)


def build_shadows(target: Target, evidence: Evidence, stack: ExitStack) -> Databases:
    from auditor.sources.binaries import find_binaries

    found: Histories = evidence.get("histories")
    if not found.histories:
        _no_history(found, evidence.get("database files"))
    binaries = find_binaries(target.pg_bin)
    result = Databases(set_aside=found.set_aside)
    repository: Repository = evidence.get("database files")
    elsewhere = _elsewhere(repository, found)
    for history in found.histories:
        if reasons := [f"{path}: {repository.skipped.get(path, 'cannot be read')}" for path in history.unread]:
            result.failed[history.name] = "a migration could not be read: " + "; ".join(reasons)
        try:
            database = _shadow(history, binaries, target, repository, elsewhere, stack) if history.files else None
        except Unavailable as reason:
            result.failed[history.name] = str(reason)
        else:
            result.databases += [database] if database else []
            result.failed |= _too_deep(database) if database else {}
    return result


def _too_deep(database: Database) -> dict[str, str]:
    """A statement that this tool could not parse, but a server might: what it would have done is not known."""
    failures = database.replay.failures if database.replay else []
    deep = [failure.statement for failure in failures if failure.statement.error == TOO_DEEP]
    return {database.name: f"{deep[0].path}: {TOO_DEEP}"} if deep else {}


def _shadow(
    history: History,
    binaries: Binaries,
    target: Target,
    repository: Repository,
    elsewhere: Elsewhere,
    stack: ExitStack,
) -> Database:
    from auditor.sources.assumed import build_with_stand_ins
    from auditor.sources.shadow import build_shadow

    config = repository.text(history.config) if history.config else None

    def build(stand_ins: StandIns | None, within: ExitStack) -> Database:
        return build_shadow(
            history, binaries, config, within, seconds=target.timeout, grants=target.grants, stand_ins=stand_ins
        )

    database = build_with_stand_ins(build, elsewhere, stack)
    database.applied = frozenset() if target.all_migrations else repository.applied or frozenset()
    database.types = _types(repository, database) if history.supabase else None
    return database


def _elsewhere(repository: Repository, found: Histories) -> Elsewhere:
    """Files that no history holds and that may describe what one of them leans on."""
    from auditor.sources.assumed import Elsewhere

    replayed = {path for history in found.histories for path in history.files}
    usable = [path for path in repository.files if not is_vendored(path) and path not in replayed]
    sql = [path for path in usable if path.endswith(".sql") and not is_test(path)]
    types = [path for path in usable if FILE.search(path)]
    return Elsewhere(
        {path: partial(repository.text, path) for path in sql}, {path: partial(repository.text, path) for path in types}
    )


def _types(repository: Repository, database: Database) -> tuple[str, Tables] | None:
    """The generated file that shares the most tables with the replay; several projects may have one each."""
    made = {f"{table.schema}.{table.name}" for table in database.schema.tables.values()}
    found = [
        (path, tables)
        for path in repository.files
        if FILE.search(path) and not is_vendored(path) and (tables := read_types(repository.text(path) or ""))
    ]
    best = max(found, key=lambda item: len(item[1].keys() & made), default=None)
    return best if best is not None and best[1].keys() & made else None


def _no_history(found: Histories, repository: Repository) -> None:
    dialects = [f"{folder}: {reason}" for folder, reason in found.set_aside.items() if "PostgreSQL" in reason]
    if dialects:
        raise NotApplicable("; ".join(sorted(dialects)))
    doubtful = [
        f"{path} ({reason})" for path, reason in sorted(repository.skipped.items()) if _may_hold_migrations(path)
    ]
    doubtful += [f"{path} (does not parse)" for unit in repository.units for path in unit.unread]
    if doubtful:
        raise Unavailable(f"no migrations were found, and some files could not be read: {', '.join(doubtful[:5])}")
    stack = {label for unit in repository.units for label in unit.stack}
    if repository.units and not stack & _DATABASE_STACKS:
        raise NotApplicable("no unit of this repository uses a PostgreSQL database")
    lacking = "no migrations were found"
    if written := written_migrations(repository.files):
        listed = ", ".join(f"{label} ({path}, ...)" for label, path in written.items())
        lacking = f"the migrations are {listed}, and no program of a repository is run"
    # Where nothing serves the tables but the application, no role is anybody's to take.
    known = repository.units and "Supabase" not in stack and not api_sign(repository.files, repository.text)
    raise (Isolated if known else Unavailable)(f"{lacking}; --database audits a server instead")


def _may_hold_migrations(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return name.endswith((".sql", "migrations", "migration", "drizzle", "prisma", "supabase")) or name in MANIFESTS


def connect(target: Target, evidence: Evidence, stack: ExitStack) -> Databases:
    from auditor.sources.live import connect_live

    assert target.database
    found: Histories = evidence.get("histories")
    repository: Repository = evidence.get("database files")
    config = next((history.config for history in found.histories if history.config), None)
    database = connect_live(target.database, repository.text(config) if config else None, stack)
    result = Databases([database])
    if target.probe_live:
        from auditor.sources.disposable import make_probeable

        try:
            make_probeable(database, target.database, stack, seconds=target.timeout, assured=target.disposable)
        except Unavailable as reason:
            result.failed[database.name] = str(reason)
    return result


def describe_databases(found: Databases) -> _Described:
    facts: dict[str, Any] = {}
    for database in found.databases:
        facts[database.name] = _facts(database)
    reasons = [f"{name}: {reason}" for name, reason in found.failed.items()]
    incomplete = any(database.replay and database.replay.failures for database in found.databases)
    return ("partial" if reasons or incomplete else "available", facts, "; ".join(reasons) or None)


def _facts(database: Database) -> list[str]:
    tables = database.schema.tables
    facts = [f"{len(tables)} tables, {len(database.schema.exposed)} of them exposed to {_roles(database)}"]
    if database.api_roles:
        facts.append(f"{database.exposure.reason}; schemas served: {', '.join(database.exposure.schemas)}")
        facts += _regimes(database)
    if replay := database.replay:
        server = f"PostgreSQL {database.cluster.major}" if database.cluster else ""
        facts.insert(0, f"{replay.succeeded} of {replay.executed} statements replayed on {server}")
        facts += [f"{len(replay.set_aside)} statements not executed on purpose"] * bool(replay.set_aside)
    if database.assumed:
        places = ", ".join(sorted(set(database.assumed.values())))
        facts.append(f"assumed, because no migration makes it: {', '.join(sorted(database.assumed))} (out of {places})")
    return facts


def _regimes(database: Database) -> list[str]:
    """How many tables would be exposed under each regime of default grants, where the history alone decides."""
    if database.replay is None or database.provenance is None:
        return []
    born: dict[int, list[str]] = defaultdict(list)
    for table in database.schema.tables.values():
        if table.schema in database.exposure.schemas and (made := database.provenance.born_in(table.identity)):
            born[made.number].append(f"{table.schema}.{table.name}")
    counts = [
        len(exposed_under(database.replay.statements, born, database.api_roles, legacy=legacy))
        for legacy in (True, False)
    ]
    return [f"exposed tables by default grants: {counts[0]} as until 2026, {counts[1]} as since then"]


def _roles(database: Database) -> str:
    return " and ".join(database.api_roles) or "no API role"


def joined(evidence: Evidence, lanes: tuple[str, ...], contract: Contract | None = None) -> Databases:
    """Live and shadow together, each with the access contract; unavailable only when neither could be had."""
    evidence.start(lanes)  # both at once
    result, missing = Databases(), []
    lacking: list[Unavailable] = []
    for lane in lanes:
        try:
            part: Databases = evidence.get(lane)
        except Unavailable as reason:
            lacking.append(reason)
            result.failed[lane] = str(reason)
        except NotApplicable as reason:
            missing.append(str(reason))
        else:
            result.databases += part.databases
            result.failed |= part.failed
            result.set_aside |= part.set_aside
    for database in result.databases:
        database.contract = contract
    if result.databases:
        _pair(result.databases)
        return result
    if missing and not lacking:
        raise NotApplicable("; ".join(missing))
    default = "--no-shadow was given, and no --database" if not lanes else "no database could be built"
    known = bool(lacking) and all(isinstance(reason, Isolated) for reason in lacking)
    reasons = list(dict.fromkeys([*map(str, lacking), *result.failed.values()]))
    raise (Isolated if known else Unavailable)("; ".join(reasons[:3]) or default)


def _pair(databases: list[Database]) -> None:
    """Give each live database the replay that describes it: the one that shares the most tables with it."""
    replays = [database for database in databases if database.source == "shadow"]
    for live in databases:
        if live.source == "live" and replays:
            best = max(replays, key=lambda replay: len(_identities(live) & _identities(replay)))
            live.counterpart = best if _identities(live) & _identities(best) or len(replays) == 1 else None


def _identities(database: Database) -> set[str]:
    return {table.identity for table in database.schema.tables.values()}


def probe_all(evidence: Evidence) -> dict[str, Probed]:
    from auditor.sources.probes import probe

    databases: Databases = evidence.get("databases")
    probeable = [database for database in databases.databases if database.cluster]
    if not probeable:
        raise Unavailable("probes act on the shadow database or on --probe-database, and there is neither")
    return {database.name: probe(database) for database in probeable}


def describe_probes(probed: dict[str, Probed]) -> _Described:
    return ("available", {name: result.summary for name, result in probed.items()}, None)
