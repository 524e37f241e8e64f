"""The sources of a scan: how each is loaded, what it needs, and what the report says of it."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.database_lanes import build_shadows, connect, describe_databases, describe_probes, joined, probe_all
from auditor.facts.histories import Histories, find_histories
from auditor.facts.public_endpoints import matches_nothing
from auditor.model import NothingToScan
from auditor.plan import Evidence, Source
from auditor.sources.repository import read_repository

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import ExitStack

    from auditor.facts.access_contract import Contract
    from auditor.facts.helper_names import Helpers
    from auditor.facts.inventory import Inventory
    from auditor.facts.semgrep_output import Semgrep
    from auditor.model import Target
    from auditor.rulebook import Page
    from auditor.sources.code import Code
    from auditor.sources.git_history import History
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository
    from auditor.sources.store import Store

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
_Described = tuple[str, dict[str, Any], str | None]


def sources(
    target: Target,
    pages: Iterable[Page] = (),
    public: tuple[str, ...] = (),
    contract: Contract | None = None,
    helpers: Helpers | None = None,
    store: Store | None = None,
) -> dict[str, Source]:
    """The table of sources for one target; `pages` are the rules that are asked, `public` the endpoints declared so,
    `contract` what each caller of the API may do, `helpers` the project's functions that its settings name,
    `store` what semgrep said and files imported before.
    """
    table = {
        "repository": Source((), lambda _, __: _repository(target), _describe_repository),
        "database files": Source(("repository",), lambda e, _: e.get("repository").watched()),
        "histories": Source(("database files",), lambda e, _: _histories(e), _describe_histories),
        "unread languages": Source(("repository",), lambda e, _: _unread_languages(e)),
    }
    if target.shadow:
        table["shadow database"] = Source(
            ("database files", "histories"), lambda e, s: build_shadows(target, e, s), describe_databases
        )
    if target.database:
        table["live database"] = Source(("histories",), lambda e, s: connect(target, e, s), describe_databases)
    lanes = tuple(name for name in ("live database", "shadow database") if name in table)
    table["code"] = Source(("repository",), lambda e, _: _code(e), describe_code)
    table["endpoints"] = Source(
        ("repository", "code"),
        lambda e, _: find_inventory(e.get("repository"), e.get("code"), public, helpers),
        describe_endpoints,
    )
    table["semgrep"] = Source(("code",), lambda e, s: _semgrep(pages, target, e, s, store), _describe_semgrep)
    table["git history"] = history_source(target)
    table["packages"] = Source(("repository",), lambda e, s: _packages(target, e, s, store), _describe_packages)
    table["databases"] = Source((), lambda e, _: joined(e, lanes, contract), describe_databases)
    table["probes"] = Source(("databases",), lambda e, _: probe_all(e), describe_probes)
    return table


def repository_source(repository: Repository) -> Source:
    """The source of files that are read already: another revision, or what is staged."""
    return Source((), lambda _, __: repository, _describe_repository)


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
    repository: Repository = evidence.get("database files")
    # A migration that cannot be read is still a part of its history, which is then not wholly known.
    unread = [path for path in repository.skipped if path.endswith(".sql")]
    return find_histories(sorted({*repository.files, *unread}), repository.units, repository.text)


def _unread_languages(evidence: Evidence) -> dict[str, str]:
    from auditor.facts.unlisted import unread_languages

    repository: Repository = evidence.get("repository")
    return unread_languages(repository.files, repository.text)


def _code(evidence: Evidence) -> Code:
    """None of it parsed: which files do not parse takes a second to find out, and only the rules on code ask that."""
    from auditor.sources.code import list_code

    return list_code(evidence.get("repository"))


def describe_code(code: Code) -> _Described:
    unread = "; ".join(f"{path}: {reason}" for path, reason in list(code.unread.items())[:20])
    facts: dict[str, Any] = {"files": len(code.files)}
    if code.minified:
        facts |= {"bundles and copied libraries left out": len(code.minified), "the first of them": code.minified[:5]}
    return ("partial" if unread else "available", facts, unread or None)


def find_inventory(
    repository: Repository, code: Code, public: tuple[str, ...] = (), helpers: Helpers | None = None
) -> Inventory:
    """Every endpoint, with what the settings say of them."""
    from auditor.facts.base_paths import mounted
    from auditor.facts.inventory import find_endpoints

    found = find_endpoints(code, repository.files, repository.text, repository.units)
    helpers = helpers or found.helpers
    return replace(found, endpoints=mounted(found.endpoints, helpers.bases), public=public, helpers=helpers)


def describe_endpoints(found: Inventory) -> _Described:
    counts = Counter(endpoint.framework for endpoint in found.endpoints)
    idle = matches_nothing(found.public, found.endpoints)
    reason = f"declared public, but not found: {', '.join(idle)}" if idle else None
    return ("available", {"endpoints": len(found.endpoints)} | dict(sorted(counts.items())), reason)


def _semgrep(
    pages: Iterable[Page], target: Target, evidence: Evidence, stack: ExitStack, store: Store | None
) -> Semgrep:
    from auditor.sources.semgrep import read_semgrep

    return read_semgrep([page for page in pages if page.yaml], evidence.get("code"), target.timeout, stack, store)


def _describe_semgrep(found: Semgrep) -> _Described:
    lost = [f"{name}: {page.broken}" for name, page in found.pages.items() if page.broken]
    lost += sorted({f"{path}: {why}" for page in found.pages.values() for path, why in page.unread.items()})
    version = found.version or "not started: no file holds what its rules look for"
    facts = {"files": found.files, "version": version} | ({"engine": found.engine} if found.engine else {})
    return ("partial" if lost else "available", facts, "; ".join(lost[:20]) or None)


def _packages(target: Target, evidence: Evidence, stack: ExitStack, store: Store | None) -> Packages:
    from auditor.sources.advisory_online import Endpoints
    from auditor.sources.packages import audit_online, read_packages
    from auditor.sources.yanked import look_for_yanked

    found = read_packages(
        evidence.get("repository"),
        target.advisories,
        max_age=target.max_advisory_age,
        complete=target.require_complete,
        kept=store,
    )
    found.denied = target.denied_licences
    if target.imported_audits:
        from auditor.sources.advisory_imported import read_imported

        found.answers += read_imported(target.imported_audits, found.packages)
    local = len(found.answers)
    audit_online(found, stack, offline=target.offline, endpoints=Endpoints(cache=target.cache))
    look_for_yanked(found, found.answers[local:], target.cache)
    return found


def _describe_packages(found: Packages) -> _Described:
    from auditor.sources.packages_note import describe

    return describe(found)


def history_source(target: Target) -> Source:
    """Git's history of the scanned folder."""
    return Source(("repository",), lambda e, s: _git_history(target, e, s), _describe_git_history)


def _git_history(target: Target, evidence: Evidence, stack: ExitStack) -> History:
    from auditor.sources.git_history import read_history

    stopped = threading.Event()
    stack.callback(stopped.set)
    return read_history(evidence.get("repository"), target, lambda: not stopped.is_set(), evidence.progress)


def _describe_git_history(found: History) -> _Described:
    facts: dict[str, Any] = {"commits": found.commits, "former versions read": len(found.read)}
    counts = {
        "binary or too large": found.opaque,
        "not read in time": found.unread,
        "not in this clone": found.absent,
    }
    facts |= {name: count for name, count in counts.items() if count}
    open_ends = [found.unread or found.commits_unread, found.absent, found.shallow]
    reasons = ("the time was up", "the clone is partial", "the clone is shallow")
    lost = "; ".join(reason for end, reason in zip(open_ends, reasons, strict=True) if end)
    return ("partial" if lost else "available", facts, lost or None)


def _describe_histories(found: Histories) -> _Described:
    names = [f"{history.folder} ({history.layout}, {len(history.files)} files)" for history in found.histories]
    aside = [f"{folder}: {reason}" for folder, reason in sorted(found.set_aside.items())]
    return ("available", {"histories": names, "set aside": aside}, None)
