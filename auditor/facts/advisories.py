"""OSV records to advisories, and whether one concerns a package."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from auditor.facts.advisory_answers import CANARIES, Hit, merged
from auditor.facts.advisory_ranges import Interval, holds, intervals, version_key
from auditor.facts.advisory_severity import severity_of
from auditor.facts.lock_graph import NPM, PYPI, normalised

if TYPE_CHECKING:
    from collections.abc import Container

    from auditor.facts.lock_graph import Package
    from auditor.model import Severity

_MAX_TEXT = 300
_MAX_REFUSED = 200
LOCAL = "--advisories"


@dataclass(frozen=True, slots=True)
class Affected:
    """One package of an advisory: explicit versions, and ranges as (introduced, fixed, last affected)."""

    versions: frozenset[str]
    ranges: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Advisory:
    id: str
    aliases: frozenset[str]
    summary: str
    severity: Severity | None
    cwe: tuple[str, ...] = ()
    published: str = ""
    modified: str = ""
    refs: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()


@dataclass(slots=True)
class Coverage:
    """What one source holds: records per ecosystem, the newest of them, how many are malware, and whether all of them
    say that they are a fixture, which does not age.
    """

    name: str
    records: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    malware: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    newest: str = ""
    fixtures: int = 0
    total: int = 0

    @property
    def fixture(self) -> bool:
        return 0 < self.total == self.fixtures

    def age(self, now: datetime) -> float | None:
        """Days since the newest record was modified; None where no record says."""
        try:
            moment = datetime.fromisoformat(self.newest)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (now - moment).total_seconds() / 86400


@dataclass(slots=True)
class Advisories:
    """Advisories by (ecosystem, name). `records` counts readable ones per ecosystem, `refused` says which were not and
    why. `wanted` are the only packages that matter; None: all.
    """

    affected: dict[tuple[str, str], list[tuple[Advisory, Affected]]] = field(default_factory=lambda: defaultdict(list))
    refused: list[str] = field(default_factory=list)
    wanted: Container[tuple[str, str]] | None = None
    coverage: list[Coverage] = field(default_factory=list)
    refusals: int = 0

    @property
    def records(self) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for part in self.coverage:
            for ecosystem, count in part.records.items():
                found[ecosystem] += count
        return found

    @property
    def newest(self) -> str:
        return max((part.newest for part in self.coverage), default="")

    def begin(self, name: str) -> Coverage:
        """What is added from here on belongs to this source."""
        self.coverage.append(Coverage(name))
        return self.coverage[-1]

    def refuse(self, name: str, reason: str) -> None:
        self.refusals += 1
        if len(self.refused) < _MAX_REFUSED:
            self.refused.append(f"{name}: {reason}")

    def add(self, record: Any) -> None:  # noqa: ANN401 - JSON of any shape
        """Take one OSV record; raises ValueError or TypeError when it is none, and then takes nothing of it."""
        if not isinstance(record, dict) or not isinstance(record.get("id"), str):
            raise TypeError("no OSV record")
        part = self.coverage[-1] if self.coverage else self.begin("given")
        if record.get("withdrawn"):
            return
        found = [item for item in map(_package, _tables(record.get("affected"))) if item]
        entries = [(key, _affected(key[0], item)) for key, item in found if self.wanted is None or key in self.wanted]
        advisory = read_advisory(record) if entries else None
        for key, affected in entries:
            assert advisory
            self.affected[key].append((advisory, affected))
        for ecosystem in {key[0] for key, _ in found}:
            part.records[ecosystem] += 1
            part.malware[ecosystem] += record["id"].startswith("MAL-")
        if found:
            part.total += 1
            part.newest = max(part.newest, text_of(record.get("modified"), 40))
            specific = record.get("database_specific")
            part.fixtures += isinstance(specific, dict) and specific.get("fixture") is True

    def concerning(self, package: Package) -> list[Hit]:
        """Advisories on a package, each with the nearest version that mends it; aliases of one fault count once.

        Raises ValueError where the installed version is not one of its ecosystem.
        """
        entries = self.affected.get((package.ecosystem, package.name), ())
        if not entries:
            return []
        hits = [hit for advisory, affected in entries if (hit := _hit(package, advisory, affected))]
        return merged(hits, package.ecosystem)

    def knows_canary(self, ecosystem: str) -> bool:
        return (ecosystem, CANARIES[ecosystem][0]) in self.affected


def _tables(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_of(value: object, limit: int = _MAX_TEXT) -> str:
    """A text, or a moment as YAML has it; nothing else is spelt out, as it may unfold without end."""
    if isinstance(value, datetime):
        return value.isoformat()
    return value[:limit] if isinstance(value, str) else ""


def texts_of(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _package(item: dict[str, Any]) -> tuple[tuple[str, str], dict[str, Any]] | None:
    package = item.get("package")
    if not isinstance(package, dict) or not isinstance(package.get("name"), str):
        return None
    ecosystem = text_of(package.get("ecosystem")).split(":")[0]
    if ecosystem not in {NPM, PYPI}:
        return None
    return (ecosystem, normalised(package["name"]) if ecosystem == PYPI else package["name"]), item


def read_advisory(record: dict[str, Any]) -> Advisory:
    specific = record.get("database_specific")
    functions: set[str] = set()
    for item in _tables(record.get("affected")):
        inner = item.get("ecosystem_specific")
        functions.update(texts_of(inner.get("affected_functions")) if isinstance(inner, dict) else ())
    return Advisory(
        id=record["id"],
        aliases=frozenset(texts_of(record.get("aliases"))),
        summary=text_of(record.get("summary")) or text_of(record.get("details")),
        severity=severity_of(record),
        cwe=texts_of(specific.get("cwe_ids")) if isinstance(specific, dict) else (),
        published=text_of(record.get("published"), 40),
        modified=text_of(record.get("modified"), 40),
        refs=tuple(text_of(item.get("url")) for item in _tables(record.get("references")))[:20],
        functions=tuple(sorted(functions)),
    )


def _affected(ecosystem: str, item: dict[str, Any]) -> Affected:
    """Raises ValueError for a bound that is no version, unless the record lists the versions one by one."""
    versions = frozenset(texts_of(item.get("versions")))
    found: list[Interval] = []
    for entry in _tables(item.get("ranges")):
        if entry.get("type") in {"SEMVER", "ECOSYSTEM"}:
            try:
                found += intervals(ecosystem, _tables(entry.get("events")))
            except ValueError:
                if not versions:
                    raise
    return Affected(versions, tuple(_ended(interval, item) for interval in found))


def _ended(interval: Interval, item: dict[str, Any]) -> Interval:
    """GitHub says beside the range, and not in it, up to which version a fault without a mend was seen."""
    specific = item.get("database_specific")
    said = specific.get("last_known_affected_version_range") if isinstance(specific, dict) else None
    match = re.fullmatch(r"(<=?)\s*([\w.+-]+)", said) if isinstance(said, str) else None
    if match is None or interval[1:] != (None, None):
        return interval
    return (interval[0], None, match[2]) if match[1] == "<=" else (interval[0], match[2], None)


def _hit(package: Package, advisory: Advisory, affected: Affected) -> Hit | None:
    inside = [interval for interval in affected.ranges if holds(package.ecosystem, package.version, interval)]
    if not inside and not _listed(package, affected):
        return None
    fixes = [fixed for _, fixed, _ in inside if fixed]
    nearest = min(fixes, key=lambda fix: version_key(package.ecosystem, fix), default=None)
    return Hit(advisory.id, advisory.summary, nearest, advisory.severity, advisory.aliases, advisory.functions, LOCAL)


def _listed(package: Package, affected: Affected) -> bool:
    """Whether the version is among those named; PEP 440 writes one version in several ways (1.0, 1.0.0)."""
    if package.version in affected.versions:
        return True
    if package.ecosystem != PYPI or not affected.versions:
        return False
    installed = version_key(PYPI, package.version)
    return any(_same(installed, version) for version in affected.versions)


def _same(installed: object, version: str) -> bool:
    try:
        return bool(installed == version_key(PYPI, version))
    except ValueError:
        return False
