"""The sources of a scan: how each is loaded, what it needs, and what the report says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - a dataclass field
from typing import TYPE_CHECKING, Any

from auditor.facts.deep_syntax import TOO_DEEP
from auditor.facts.histories import Histories, find_histories
from auditor.model import NotApplicable, NothingToScan, Unavailable
from auditor.plan import Evidence, Source
from auditor.sources.repository import MANIFESTS, read_repository

if TYPE_CHECKING:
    from contextlib import ExitStack

    from auditor.facts.histories import History
    from auditor.sources.binaries import Binaries
    from auditor.sources.code import Code
    from auditor.sources.database import Database
    from auditor.sources.packages import Packages
    from auditor.sources.probes import Probed
    from auditor.sources.repository import Repository

_UNDERSTOOD = (
    ".sql",
    ".ts",
    ".tsx",
    ".js",
    ".jsx",
    ".mjs",
    ".cjs",
    ".mts",
    ".cts",
    ".py",
    ".prisma",
    ".toml",
    ".yaml",
    ".yml",
    ".json",
)
_DATABASE_STACKS = {
    "Supabase", "Prisma", "Drizzle", "PostgreSQL", "Knex", "TypeORM", "SQLAlchemy", "Django",
}  # fmt: skip
_Described = tuple[str, dict[str, Any], str | None]


@dataclass(frozen=True, slots=True)
class Target:
    """What to scan, as the user said it; nothing here comes from the repository."""

    root: Path
    database: str | None = None
    shadow: bool = True
    pg_bin: str | None = None
    timeout: float = 300.0
    advisories: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(slots=True)
class Databases:
    """Everything that can be asked; `failed` maps what could not be had to the reason."""

    databases: list[Database] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    set_aside: dict[str, str] = field(default_factory=dict)


def sources(target: Target) -> dict[str, Source]:
    """The table of sources for one target."""
    table = {
        "repository": Source((), lambda _, __: _repository(target), _describe_repository),
        "histories": Source(("repository",), lambda e, _: _histories(e), _describe_histories),
    }
    if target.shadow:
        table["shadow database"] = Source(
            ("repository", "histories"), lambda e, s: _shadows(target, e, s), _describe_databases
        )
    if target.database:
        table["live database"] = Source(("histories",), lambda e, s: _live(target, e, s), _describe_databases)
    lanes = tuple(name for name in ("live database", "shadow database") if name in table)
    table["code"] = Source(("repository",), lambda e, _: _code(e), _describe_code)
    table["packages"] = Source(("repository",), lambda e, _: _packages(target, e), _describe_packages)
    table["databases"] = Source((), lambda e, _: _joined(e, lanes), _describe_databases)
    table["probes"] = Source(("databases",), lambda e, _: _probes(e), _describe_probes)
    return table


def _repository(target: Target) -> Repository:
    return read_repository(target.root, target.include, target.exclude)


def refuse_emptiness(repository: Repository, target: Target) -> None:
    """Raise NothingToScan when no file is of a kind that any rule reads."""
    named = (*repository.files, *repository.skipped)  # what could not be read is there all the same
    if target.database is None and not any(_understood(path) for path in named):
        raise NothingToScan(f"nothing to scan: no source, SQL or configuration file below {target.root}")


def _understood(path: str) -> bool:
    return path.endswith(_UNDERSTOOD) or path.rsplit("/", 1)[-1].startswith(("Dockerfile", ".env"))


def _describe_repository(repository: Repository) -> _Described:
    skipped = [f"{path}: {reason}" for path, reason in sorted(repository.skipped.items())]
    facts: dict[str, Any] = {"files": len(repository.files), "listed by": repository.listed_by}
    counts = {"left out by include and exclude": repository.excluded, "tracked but missing": repository.missing}
    facts |= {name: count for name, count in counts.items() if count} | {"skipped": skipped[:50]}
    return (
        "partial" if skipped else "available",
        facts,
        f"{len(skipped)} files left out" if skipped else None,
    )


def _histories(evidence: Evidence) -> Histories:
    repository: Repository = evidence.get("repository")
    # A migration that cannot be read is still a part of its history, which is then not wholly known.
    unread = [path for path in repository.skipped if path.endswith(".sql")]
    return find_histories(sorted({*repository.files, *unread}), repository.units, repository.text)


def _code(evidence: Evidence) -> Code:
    from auditor.sources.code import read_code

    return read_code(evidence.get("repository"))


def _describe_code(code: Code) -> _Described:
    unread = "; ".join(f"{path}: {reason}" for path, reason in list(code.unread.items())[:20])
    return ("partial" if unread else "available", {"files": len(code.files)}, unread or None)


def _packages(target: Target, evidence: Evidence) -> Packages:
    from auditor.sources.packages import read_packages

    return read_packages(evidence.get("repository"), target.advisories)


def _describe_packages(found: Packages) -> _Described:
    facts: dict[str, Any] = {"lockfiles": found.lockfiles, "packages": len(found.packages)}
    if found.advisories:
        facts |= {f"{name} records": count for name, count in sorted(found.advisories.records.items())}
        facts |= {"newest record": found.advisories.newest, "records refused": len(found.advisories.refused)}
    unread = "; ".join(f"{path}: {reason}" for path, reason in found.unread.items())
    return ("partial" if unread or not found.advisories else "available", facts, unread or None)


def _describe_histories(found: Histories) -> _Described:
    names = [f"{history.folder} ({history.layout}, {len(history.files)} files)" for history in found.histories]
    aside = [f"{folder}: {reason}" for folder, reason in sorted(found.set_aside.items())]
    return ("available", {"histories": names, "set aside": aside}, None)


def _shadows(target: Target, evidence: Evidence, stack: ExitStack) -> Databases:
    from auditor.sources.binaries import find_binaries

    found: Histories = evidence.get("histories")
    if not found.histories:
        _no_history(found, evidence.get("repository"))
    binaries = find_binaries(target.pg_bin)
    result = Databases(set_aside=found.set_aside)
    repository: Repository = evidence.get("repository")
    for history in found.histories:
        if reasons := [f"{path}: {repository.skipped.get(path, 'cannot be read')}" for path in history.unread]:
            result.failed[history.name] = "a migration could not be read: " + "; ".join(reasons)
        try:
            database = _shadow(history, binaries, target, evidence, stack) if history.files else None
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


def _shadow(history: History, binaries: Binaries, target: Target, evidence: Evidence, stack: ExitStack) -> Database:
    from auditor.sources.shadow import build_shadow

    repository: Repository = evidence.get("repository")
    config = repository.text(history.config) if history.config else None
    database = build_shadow(history, binaries, config, stack, seconds=target.timeout)
    database.applied = repository.applied or frozenset()
    return database


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
    raise Unavailable("no migrations were found; --database audits a server instead")


def _may_hold_migrations(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return name.endswith((".sql", "migrations", "migration", "drizzle", "prisma", "supabase")) or name in MANIFESTS


def _live(target: Target, evidence: Evidence, stack: ExitStack) -> Databases:
    from auditor.sources.live import connect_live

    assert target.database
    found: Histories = evidence.get("histories")
    repository: Repository = evidence.get("repository")
    config = next((history.config for history in found.histories if history.config), None)
    return Databases([connect_live(target.database, repository.text(config) if config else None, stack)])


def _describe_databases(found: Databases) -> _Described:
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
    if replay := database.replay:
        server = f"PostgreSQL {database.cluster.major}" if database.cluster else ""
        facts.insert(0, f"{replay.succeeded} of {replay.executed} statements replayed on {server}")
        facts += [f"{len(replay.set_aside)} statements not executed on purpose"] * bool(replay.set_aside)
    return facts


def _roles(database: Database) -> str:
    return " and ".join(database.api_roles) or "no API role"


def _joined(evidence: Evidence, lanes: tuple[str, ...]) -> Databases:
    """Live and shadow together; unavailable only when neither could be had."""
    evidence.start(lanes)  # both at once
    result, reasons, missing = Databases(), [], []
    for lane in lanes:
        try:
            part: Databases = evidence.get(lane)
        except Unavailable as reason:
            reasons.append(str(reason))
            result.failed[lane] = str(reason)
        except NotApplicable as reason:
            missing.append(str(reason))
        else:
            result.databases += part.databases
            result.failed |= part.failed
            result.set_aside |= part.set_aside
    if result.databases:
        return result
    if missing and not reasons:
        raise NotApplicable("; ".join(missing))
    default = "--no-shadow was given, and no --database" if not lanes else "no database could be built"
    raise Unavailable("; ".join(list(dict.fromkeys([*reasons, *result.failed.values()]))[:3]) or default)


def _probes(evidence: Evidence) -> dict[str, Probed]:
    from auditor.sources.probes import probe

    databases: Databases = evidence.get("databases")
    shadows = [database for database in databases.databases if database.source == "shadow"]
    if not shadows:
        raise Unavailable("probes act on the shadow database only, and there is none")
    return {database.name: probe(database) for database in shadows}


def _describe_probes(probed: dict[str, Probed]) -> _Described:
    return ("available", {name: result.summary for name, result in probed.items()}, None)
