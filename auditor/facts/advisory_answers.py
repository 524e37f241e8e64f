"""What a source of advisories said about installed packages, in one shape for all, and how answers are merged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.facts.advisory_ranges import version_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.facts.lock_graph import Package
    from auditor.model import Severity

# Ecosystem, name, version.
Key = tuple[str, str, str]
CANARIES = {"npm": ("lodash", "4.17.4"), "PyPI": ("jinja2", "2.10")}
_MALWARE = "MAL-"


@dataclass(frozen=True, slots=True)
class Hit:
    """One advisory on one installed version; `fixed` is the nearest version that mends it, `severity` None where the
    source names none, `functions` are those that the fault is in.
    """

    id: str
    summary: str = ""
    fixed: str | None = None
    severity: Severity | None = None
    aliases: frozenset[str] = frozenset()
    functions: tuple[str, ...] = ()
    source: str = ""

    @property
    def names(self) -> frozenset[str]:
        return self.aliases | {self.id}

    @property
    def malicious(self) -> bool:
        return any(name.startswith(_MALWARE) for name in self.names)


@dataclass(slots=True)
class Answers:
    """What one source answered; `unanswered` gives the reason for each package that it did not."""

    source: str
    answered: dict[Key, tuple[Hit, ...]] = field(default_factory=dict)
    unanswered: dict[Key, str] = field(default_factory=dict)


def key_of(package: Package) -> Key:
    return package.ecosystem, package.name, package.version


def merged(hits: Iterable[Hit], ecosystem: str) -> list[Hit]:
    """One for each fault: records that share a name, by whatever way, are about one. The worst severity counts."""
    groups: list[list[Hit]] = []
    for hit in sorted(hits, key=_preference):
        names = hit.names
        touching = [group for group in groups if any(names & other.names for other in group)]
        groups = [group for group in groups if group not in touching]
        groups.append([item for group in touching for item in group] + [hit])
    return sorted((_joined(group, ecosystem) for group in groups), key=_preference)


def _joined(group: Sequence[Hit], ecosystem: str) -> Hit:
    first = min(group, key=_preference)
    known = [hit.severity for hit in group if hit.severity is not None]
    fixes = [hit.fixed for hit in group if hit.fixed]
    return replace(
        first,
        severity=max(known, key=lambda severity: severity.rank) if known else None,
        fixed=_latest(fixes, ecosystem),
        aliases=frozenset().union(*(hit.names for hit in group)) - {first.id},
        functions=tuple(sorted({name for hit in group for name in hit.functions})),
        summary=first.summary or next((hit.summary for hit in group if hit.summary), ""),
        source=", ".join(sorted({hit.source for hit in group})),
    )


def _latest(fixes: list[str], ecosystem: str) -> str | None:
    """Where two records of one fault disagree, the later version mends both."""
    try:
        return max(fixes, key=lambda fix: version_key(ecosystem, fix), default=None)
    except ValueError:
        return fixes[0]


def _preference(hit: Hit) -> tuple[int, str]:
    """Malware first, then GHSA before CVE before the rest."""
    prefix = hit.id.split("-")[0]
    return ({"MAL": 0, "GHSA": 1, "CVE": 2}.get(prefix, 3), hit.id)
