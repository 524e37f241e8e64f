"""Reports that npm audit, pip-audit or osv-scanner wrote, as one more source: `--import-audit FILE`.

They add what they found. They clear nothing: such a report looks the same whether its service knew the packages or
answered nothing at all, and holds no canary that would tell.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.facts.advisories import Advisories, text_of, texts_of
from auditor.facts.advisory_answers import Answers, Hit, Key
from auditor.facts.advisory_ranges import fixed_in_npm_range, in_npm_range, version_key
from auditor.facts.advisory_severity import from_vector, from_word
from auditor.facts.lock_graph import NPM, PYPI, Package, normalised, table
from auditor.model import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MAX_BYTES = 100_000_000


def read_imported(sources: Iterable[str], packages: Sequence[Package]) -> list[Answers]:
    """One source for each file; raises Unavailable for a file that is no such report."""
    return [_read(Path(source), packages) for source in sources]


def _read(place: Path, packages: Sequence[Package]) -> Answers:
    data = _json(place)
    form, hits = _hits(data, packages)
    if form is None:
        said = text_of(table(data, "error").get("summary")) or text_of(table(data, "error").get("code"))
        why = f"it reports an error ({said})" if said else "it is no report of npm audit, pip-audit or osv-scanner"
        raise Unavailable(f"--import-audit {place.name}: {why}")
    found = Answers(f"{form}, imported")
    listed: dict[Key, list[Hit]] = {}
    for key, hit in hits:
        listed.setdefault(key, []).append(hit)
    known = {(p.ecosystem, p.name, p.version) for p in packages}
    found.answered = {key: tuple(entries) for key, entries in listed.items() if key in known}
    return found


def _json(place: Path) -> Any:  # noqa: ANN401 - JSON of any shape
    try:
        with place.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise Unavailable(f"--import-audit {place.name}: larger than any real report")
        return json.loads(data)
    except OSError as error:
        raise Unavailable(f"--import-audit {place}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise Unavailable(f"--import-audit {place.name}: it is no JSON") from error


def _hits(data: Any, packages: Sequence[Package]) -> tuple[str | None, list[tuple[Key, Hit]]]:  # noqa: ANN401 - JSON
    if isinstance(data, list):  # older versions of pip-audit
        data = {"dependencies": data}
    try:
        if isinstance(data.get("vulnerabilities"), dict) and "auditReportVersion" in data:
            return "npm audit", list(_npm(data["vulnerabilities"], packages))
        if isinstance(data.get("advisories"), dict) and "metadata" in data:
            return "npm audit", list(_npm_6(data["advisories"], packages))
        if isinstance(data.get("dependencies"), list):
            return "pip-audit", list(_pip(data["dependencies"]))
        if isinstance(data.get("results"), list):
            return "osv-scanner", list(_osv(data["results"]))
    except (KeyError, TypeError, AttributeError, ValueError):
        return None, []
    return None, []


def _npm(vulnerabilities: dict[str, Any], packages: Sequence[Package]) -> Iterator[tuple[Key, Hit]]:
    """Entries whose `via` is a name are only on the way to a vulnerable package, which has an entry of its own."""
    for name, entry in vulnerabilities.items():
        for via in entry.get("via", ()):
            if isinstance(via, dict):
                title = {"title": via.get("title"), "url": via.get("url"), "id": via.get("source"), **via}
                yield from _npm_hits(str(via.get("name") or name), str(via["range"]), title, packages)


def _npm_6(advisories: dict[str, Any], packages: Sequence[Package]) -> Iterator[tuple[Key, Hit]]:
    for entry in advisories.values():
        yield from _npm_hits(str(entry["module_name"]), str(entry["vulnerable_versions"]), entry, packages)


def _npm_hits(name: str, wanted: str, entry: dict[str, Any], packages: Sequence[Package]) -> Iterator[tuple[Key, Hit]]:
    identity = re.search(r"GHSA-[\w-]+", f"{entry.get('github_advisory_id')} {entry.get('url')}")
    cvss = table(entry, "cvss").get("vectorString")
    for package in packages:
        if package.ecosystem == NPM and package.name == name and in_npm_range(package.version, wanted):
            yield (
                (NPM, name, package.version),
                Hit(
                    identity[0] if identity else f"npm-{entry.get('id')}",
                    text_of(entry.get("title")),
                    fixed_in_npm_range(package.version, wanted),
                    from_vector(cvss) or from_word(entry.get("severity")),
                    frozenset(texts_of(entry.get("cves"))),
                    source="npm audit, imported",
                ),
            )


def _pip(dependencies: list[Any]) -> Iterator[tuple[Key, Hit]]:
    for entry in dependencies:
        for item in entry.get("vulns", ()):
            names = [str(item["id"]), *texts_of(item.get("aliases"))]
            best = min(names, key=lambda name: ({"GHSA": 0, "CVE": 1}.get(name.split("-")[0], 2), name))
            later = [
                fix
                for fix in texts_of(item.get("fix_versions"))
                if version_key(PYPI, fix) > version_key(PYPI, entry["version"])
            ]
            fixed = min(later, key=lambda fix: version_key(PYPI, fix), default=None)
            hit = Hit(best, text_of(item.get("description")), fixed, aliases=frozenset(names) - {best})
            yield (PYPI, normalised(str(entry["name"])), str(entry["version"])), _sourced(hit, "pip-audit, imported")


def _osv(results: list[Any]) -> Iterator[tuple[Key, Hit]]:
    for result in results:
        for entry in result.get("packages") or ():
            package = entry["package"]
            ecosystem = str(package["ecosystem"]).split(":")[0]
            if ecosystem not in {NPM, PYPI}:
                continue
            name = normalised(str(package["name"])) if ecosystem == PYPI else str(package["name"])
            found = Package(ecosystem, name, str(package["version"]), "", 1)
            for record in entry.get("vulnerabilities") or ():
                yield (ecosystem, name, found.version), _of_record(record, found)


def _of_record(record: dict[str, Any], package: Package) -> Hit:
    database = Advisories()
    database.add(record)
    hits = database.concerning(package)
    plain = Hit(str(record["id"]), text_of(record.get("summary")), aliases=frozenset(texts_of(record.get("aliases"))))
    return _sourced(hits[0] if hits else plain, "osv-scanner, imported")


def _sourced(hit: Hit, source: str) -> Hit:
    from dataclasses import replace

    return replace(hit, source=source)
