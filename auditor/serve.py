"""What an editor's assistant may ask over MCP, of one folder: audits, pages, endpoints, the access matrix, one SELECT.

Tools name files relative to the folder that the server was started with, and nothing outside it is read. A live server
is asked only where the user named it at the start.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from auditor.access import read_access
from auditor.audit import Request, audit
from auditor.config import read_config
from auditor.facts.helper_names import Helpers
from auditor.lanes import sources
from auditor.model import NotApplicable, Severity, Target, Unavailable, UsageError
from auditor.plan import Evidence
from auditor.routes import list_routes
from auditor.rulebook import load_rulebook
from auditor.sources.querying import make_reader, query_live, query_shadow
from auditor.sources.repository import read_repository

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.database_lanes import Databases
    from auditor.report import Finding, Report
    from auditor.sources.database import Database

_MOST_FINDINGS = 200


@dataclass(slots=True)
class Server:
    """One folder that questions are answered about. `database` is a live server, `jobs` and `cache` as in a scan."""

    root: Path
    database: str | None = None
    pg_bin: str | None = None
    jobs: int = 1
    cache: Path | None = None
    _last: Report | None = None
    _shadow: tuple[str, Evidence, Databases] | None = None
    _stack: ExitStack = field(default_factory=ExitStack)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def close(self) -> None:
        """Stop the replayed database, if there is one."""
        with self._lock:
            self._shadow = None
            self._stack.close()

    def scan(self, path: str, only: tuple[str, ...], severity: str, most: int) -> dict[str, Any]:
        """The audit: verdicts, score, what was not checked, and the findings from a severity on."""
        least = _severity(severity)
        root = self._inside(path)
        config = read_config(root)
        settings = config.settings
        target = self._target(
            root, include=settings.include, exclude=settings.exclude, denied_licences=settings.denied_licences
        )
        report, _ = audit(Request(target, config, only, jobs=self.jobs), load_rulebook())
        self._last = report
        open_ones = [f for f in report.findings if f.status == "open" and f.severity.rank >= least.rank]
        shown = open_ones[: max(1, min(most, _MOST_FINDINGS))]
        return {
            "gate": report.gate.reason,
            "score": report.score.model_dump(mode="json"),
            "controls": [{"id": c.id, "verdict": c.verdict, "reason": c.reason} for c in report.controls],
            "findings": [_finding(finding) for finding in shown],
            "findings_left_out": len(open_ones) - len(shown),
            "not_checked": [item.model_dump(mode="json") for item in report.not_checked],
        }

    def explain(self, name: str) -> str:
        """A rule's page, or a finding of the last scan with its place, its proof and its rule's page."""
        book = load_rulebook()
        if page := book.page(name):
            return page.markdown
        finding = next((f for f in self._last.findings if f.fingerprint.startswith(name)), None) if self._last else None
        if finding is None or not name:
            raise UsageError(f"no rule is named '{name}', and no finding of the last scan has that fingerprint")
        page = book.page(finding.rule)
        proof = f"\n\nProof (paste into `backend-audit shadow`):\n\n{finding.proof.script}" if finding.proof else ""
        place = f"{finding.location.path}:{finding.location.line}" if finding.location else "no file"
        text = page.markdown if page else ""
        return f"{finding.severity} · {finding.subject} · {place}\n{finding.detail}{proof}\n\n{text}"

    def routes(self, path: str, *, unauthenticated: bool, method: str) -> list[dict[str, Any]]:
        """The endpoints with their controls."""
        root = self._inside(path)
        settings = read_config(root).settings
        helpers = Helpers(
            settings.auth_helpers,
            settings.limit_helpers,
            settings.validation_helpers,
            tuple(settings.base_paths.items()),
        )
        listed = list_routes(self._target(root), helpers).endpoints
        rows = [endpoint.model_dump(mode="json") for endpoint in listed]
        rows = [row for row in rows if not method or row["method"] == method.upper()]
        return [row for row in rows if not unauthenticated or row["auth"]["state"] != "present"]

    def access(self, path: str, table: str) -> list[dict[str, Any]]:
        """The access matrix, without the transcripts."""
        found = read_access(self._target(self._inside(path)))
        rows = [row.model_dump(mode="json", exclude={"proof"}) for row in found.cells]
        return [row for row in rows if not table or table in row["object"]]

    def query(self, sql: str, limit: int, history: str) -> dict[str, Any]:
        """What one SELECT gives: on the live database where one was named at the start, else on the replayed one."""
        if self.database:
            return query_live(self.database, sql, limit)
        with self._lock:
            found = self._replayed()
            database = _chosen(found, history)
            assert database.cluster
            return query_shadow(database.cluster, sql, limit)

    def _replayed(self) -> Databases:
        """The replay of the migrations as they are; kept until one of the files that it read changes."""
        repository = read_repository(self.root)
        stamp = repository.stamp + "".join(
            repository.digest(p) for p in repository.files if p.endswith((".sql", ".toml"))
        )
        if self._shadow and self._shadow[0] == stamp:
            return self._shadow[2]
        self._shadow = None
        self._stack.close()
        evidence = self._stack.enter_context(Evidence(sources(self._target(self.root))))
        found: Databases = evidence.get("shadow database")
        for database in found.databases:
            assert database.cluster
            make_reader(database.cluster)
        self._shadow = stamp, evidence, found
        return found

    def _target(self, root: Path, **more: Any) -> Target:  # noqa: ANN401 - fields of Target
        return replace(Target(root, pg_bin=self.pg_bin, offline=True, cache=self.cache), **more)

    def _inside(self, path: str) -> Path:
        """A folder below the one that the server was started with; raises UsageError for any other."""
        place = (self.root / path).resolve()
        if not place.is_relative_to(self.root.resolve()):
            raise UsageError(f"{path}: outside the folder of this server")
        if not place.is_dir():
            raise UsageError(f"{path}: no such folder")
        return place


def _severity(name: str) -> Severity:
    try:
        return Severity(name)
    except ValueError:
        raise UsageError(f"severity: one of {', '.join(Severity)}") from None


def _chosen(found: Databases, history: str) -> Database:
    names = [database.name for database in found.databases]
    if not names:
        raise Unavailable("; ".join(found.failed.values()) or "no database could be built")
    if history not in names and (history or len(names) > 1):
        raise UsageError(f"history: name one of {', '.join(names)}")
    return found.databases[names.index(history) if history else 0]


def _finding(finding: Finding) -> dict[str, Any]:
    kept = {"rule", "severity", "confidence", "subject", "title", "detail", "location", "fingerprint"}
    return finding.model_dump(mode="json", include=kept)


UNANSWERED = (UsageError, Unavailable, NotApplicable)
