"""OSV records to advisories, and whether one concerns a package: ranges by the ecosystem's own rules of order."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.facts.lockfiles import NPM, PYPI, normalised
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.facts.lockfiles import Package

_WORDS = {
    "CRITICAL": Severity.CRITICAL,
    "HIGH": Severity.HIGH,
    "MODERATE": Severity.MEDIUM,
    "MEDIUM": Severity.MEDIUM,
    "LOW": Severity.LOW,
}
_SCORES = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))


@dataclass(frozen=True, slots=True)
class Affected:
    """One package of an advisory: explicit versions, and ranges as (introduced, fixed, last affected)."""

    versions: frozenset[str]
    ranges: tuple[tuple[str, str | None, str | None], ...]


@dataclass(frozen=True, slots=True)
class Advisory:
    id: str
    aliases: frozenset[str]
    summary: str
    severity: Severity


@dataclass(slots=True)
class Advisories:
    """Advisories by (ecosystem, name). `records` counts readable ones per ecosystem, `refused` those that were not."""

    affected: dict[tuple[str, str], list[tuple[Advisory, Affected]]] = field(default_factory=lambda: defaultdict(list))
    records: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    refused: list[str] = field(default_factory=list)
    newest: str = ""

    def add(self, record: Any) -> None:  # noqa: ANN401 - JSON of any shape
        """Take one OSV record; raises ValueError when it is none."""
        if not isinstance(record, dict) or not isinstance(record.get("id"), str):
            raise TypeError("no OSV record")
        if record.get("withdrawn"):
            return
        aliases = frozenset(str(alias) for alias in record.get("aliases", ()))
        severity = Severity.CRITICAL if record["id"].startswith("MAL-") else _severity(record)
        summary = str(record.get("summary") or record.get("details") or "")[:300]
        advisory = Advisory(record["id"], aliases, summary, severity)
        for item in record.get("affected", ()):
            package = item.get("package", {})
            ecosystem = str(package.get("ecosystem", "")).split(":")[0]
            if ecosystem in {NPM, PYPI}:
                name = normalised(package["name"]) if ecosystem == PYPI else str(package["name"])
                self.affected[ecosystem, name].append((advisory, _affected(item)))
                self.records[ecosystem] += 1
        self.newest = max(self.newest, str(record.get("modified", "")))

    def concerning(self, package: Package) -> list[tuple[Advisory, str | None]]:
        """Advisories on a package with the nearest version that mends it; aliases of one fault count once."""
        found: list[tuple[Advisory, str | None]] = []
        named: set[str] = set()
        for advisory, affected in sorted(self.affected.get((package.ecosystem, package.name), ()), key=_preferred):
            hit, fixed = _hits(package, affected)
            if hit and not named & {advisory.id, *advisory.aliases}:
                found.append((advisory, fixed))
                named |= {advisory.id, *advisory.aliases}
        return found


def _preferred(item: tuple[Advisory, Affected]) -> tuple[int, str]:
    """GHSA before CVE before the rest, where several records describe one fault."""
    prefix = item[0].id.split("-")[0]
    return ({"GHSA": 0, "CVE": 1}.get(prefix, 2), item[0].id)


def _affected(item: dict[str, Any]) -> Affected:
    ranges: list[tuple[str, str | None, str | None]] = []
    for entry in item.get("ranges", ()):
        if entry.get("type") in {"SEMVER", "ECOSYSTEM"}:
            ranges += _intervals(entry.get("events", ()))
    return Affected(frozenset(str(version) for version in item.get("versions", ())), tuple(ranges))


def _intervals(events: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str | None, str | None]]:
    introduced: str | None = None
    for event in events:
        if "introduced" in event:
            introduced = str(event["introduced"])
        elif introduced is not None and ("fixed" in event or "last_affected" in event):
            fixed, last = event.get("fixed"), event.get("last_affected")
            yield introduced, str(fixed) if fixed else None, str(last) if last else None
            introduced = None
    if introduced is not None:
        yield introduced, None, None


def _hits(package: Package, affected: Affected) -> tuple[bool, str | None]:
    for introduced, fixed, last in affected.ranges:
        if _within(package, introduced, fixed, last):
            return True, fixed
    return package.version in affected.versions, None


def _within(package: Package, introduced: str, fixed: str | None, last: str | None) -> bool:
    installed = _key(package.ecosystem, package.version)
    if introduced != "0" and installed < _key(package.ecosystem, introduced):
        return False
    if fixed is not None:
        return bool(installed < _key(package.ecosystem, fixed))
    return last is None or bool(installed <= _key(package.ecosystem, last))


def _key(ecosystem: str, version: str) -> Any:  # noqa: ANN401 - each library has its own type of version
    """The version as its ecosystem orders it; raises ValueError."""
    if ecosystem == PYPI:
        from packaging.version import Version

        return Version(version)
    from semantic_version import Version as Semver

    return Semver(version)


def _severity(record: dict[str, Any]) -> Severity:
    """By CVSS (4 before 3), else by the database's own word, else medium."""
    vectors = {
        item.get("type"): str(item.get("score", "")) for item in record.get("severity", ()) if isinstance(item, dict)
    }
    for kind in ("CVSS_V4", "CVSS_V3"):
        if (score := _score(kind, vectors.get(kind, ""))) is not None:
            return next((severity for least, severity in _SCORES if score >= least), Severity.INFO)
    specific = record.get("database_specific")
    word = str(specific.get("severity", "")) if isinstance(specific, dict) else ""
    return _WORDS.get(word.upper(), Severity.MEDIUM)


def _score(kind: str, vector: str) -> float | None:
    if not vector:
        return None
    from cvss import CVSS3, CVSS4
    from cvss.exceptions import CVSSError

    try:
        return float((CVSS4 if kind == "CVSS_V4" else CVSS3)(vector).base_score)
    except CVSSError:
        return None
