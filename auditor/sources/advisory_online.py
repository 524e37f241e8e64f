"""Services that are asked about installed packages: npm's bulk endpoint, and OSV for both ecosystems.

Every query holds a known-vulnerable canary of its ecosystem: a service that says nothing about that one says nothing
about the others either. Only packages that the lockfile resolves from the public registry are named to a service.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.facts.advisories import Advisories, text_of, texts_of
from auditor.facts.advisory_answers import CANARIES, Answers, Hit, Key, merged
from auditor.facts.advisory_ranges import fixed_in_npm_range, in_npm_range, version_key
from auditor.facts.advisory_severity import from_vector, from_word
from auditor.facts.lock_graph import NPM, NPM_HOST, Package
from auditor.sources.advisory_http import HINT, Budget, Unanswered, ask

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

NPM_BULK = f"https://{NPM_HOST}/-/npm/v1/security/advisories/bulk"
OSV = "https://api.osv.dev"
_SECONDS = 20.0
_PART = 900  # packages of one query; OSV takes a thousand
_LANES = 4
_MAX_PAGES = 20
_SHAPE = "it answered something of another shape"
_UNSHAPED = (TypeError, AttributeError, KeyError, ValueError)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the services are, and where their answers are kept; tests name a server on the loopback."""

    npm: str = NPM_BULK
    osv: str = OSV
    cache: Path | None = None


def ask_npm(packages: Iterable[Package], endpoint: str = NPM_BULK, seconds: float = _SECONDS) -> Answers:
    """What npm's bulk endpoint knows of these packages."""
    found = Answers("npm's bulk endpoint")
    wanted = _sendable(packages, found)
    budget = Budget.of(seconds)
    for part in _parts(wanted):
        try:
            found.answered |= _bulk(part, endpoint, budget, found.source)
        except (Unanswered, *_UNSHAPED) as error:
            found.unanswered |= dict.fromkeys(part, _sentence(found.source, _reason(error)))
    return found


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, Unanswered) else _SHAPE


def _sentence(source: str, reason: str) -> str:
    return f"not audited: {source} was asked, and {reason}; {HINT}"


def _sendable(packages: Iterable[Package], found: Answers) -> list[Key]:
    wanted = []
    for key in sorted({(p.ecosystem, p.name, p.version) for p in packages}):
        try:
            version_key(key[0], key[2])
        except ValueError:
            found.unanswered[key] = f"version {key[2]} is not one of its ecosystem"
        else:
            wanted.append(key)
    return wanted


def _parts(wanted: Sequence[Key]) -> list[Sequence[Key]]:
    return [wanted[start : start + _PART] for start in range(0, len(wanted), _PART)]


def _bulk(part: Sequence[Key], endpoint: str, budget: Budget, source: str) -> dict[Key, tuple[Hit, ...]]:
    name, version = CANARIES[NPM]
    query: dict[str, list[str]] = {}
    for _, package, installed in [*part, (NPM, name, version)]:
        if installed not in query.setdefault(package, []):
            query[package].append(installed)
    answer = ask(endpoint, query, budget, zipped=True)
    if not isinstance(answer, dict) or not all(isinstance(value, list) for value in answer.values()):
        raise Unanswered(_SHAPE)
    if not _npm_hits(answer.get(name), version, source):
        raise Unanswered(f"it returned nothing for a known-vulnerable canary ({name} {version})")
    return {key: tuple(merged(_npm_hits(answer.get(key[1]), key[2], source), NPM)) for key in part}


def _npm_hits(listed: Any, version: str, source: str) -> list[Hit]:  # noqa: ANN401 - JSON of any shape
    return [_npm_hit(item, version, source) for item in listed or () if _concerns(item, version)]


def _concerns(item: Any, version: str) -> bool:  # noqa: ANN401 - JSON of any shape
    if not isinstance(item, dict) or not isinstance(item.get("vulnerable_versions"), str):
        raise Unanswered(_SHAPE)
    try:
        return in_npm_range(version, item["vulnerable_versions"])
    except ValueError as error:
        raise Unanswered(f"it named a range that cannot be read ({error})") from error


def _npm_hit(item: dict[str, Any], version: str, source: str) -> Hit:
    url = str(item.get("url") or "")
    identity = url.rpartition("/")[2] if "GHSA-" in url else f"npm-{item.get('id')}"
    cvss = item.get("cvss")
    severity = from_vector(cvss.get("vectorString")) if isinstance(cvss, dict) else None
    return Hit(
        id=identity,
        summary=str(item.get("title") or "")[:300],
        fixed=fixed_in_npm_range(version, item["vulnerable_versions"]),
        severity=severity or from_word(item.get("severity")),
        source=source,
    )


def ask_osv(packages: Iterable[Package], base: str = OSV, seconds: float = _SECONDS) -> Answers:
    """What OSV knows of these packages: first which records, then the records, which are matched here."""
    found = Answers("OSV")
    wanted = _sendable(packages, found)
    budget = Budget.of(seconds)
    named: dict[Key, list[str]] = {}
    for part in _parts(wanted):
        try:
            named |= _batch(part, base, budget)
        except (Unanswered, *_UNSHAPED) as error:
            found.unanswered |= dict.fromkeys(part, _sentence(found.source, _reason(error)))
    records, lost = _records({identity for ids in named.values() for identity in ids}, base, budget)
    for key, ids in named.items():
        missing = [lost[identity] for identity in ids if identity in lost]
        if missing:
            found.unanswered[key] = _sentence(found.source, missing[0])
        else:
            found.answered[key] = _matched(key, [records[identity] for identity in ids], found.source)
    return found


def _batch(part: Sequence[Key], base: str, budget: Budget) -> dict[Key, list[str]]:
    """Which records concern each package; each ecosystem of the part has its canary beside it."""
    canaries = [(ecosystem, *CANARIES[ecosystem]) for ecosystem in sorted({key[0] for key in part})]
    waiting: list[tuple[Key, str]] = [(key, "") for key in dict.fromkeys([*part, *canaries])]
    named: dict[Key, list[str]] = {key: [] for key, _ in waiting}
    for _ in range(_MAX_PAGES):
        if not waiting:
            break
        waiting = _page(waiting, named, base, budget)
    if waiting:
        raise Unanswered("its pages do not end")
    for ecosystem, name, version in canaries:
        if not named[ecosystem, name, version]:
            raise Unanswered(f"it returned nothing for a known-vulnerable canary ({name} {version})")
    return {key: named[key] for key in part}


def _page(
    waiting: list[tuple[Key, str]], named: dict[Key, list[str]], base: str, budget: Budget
) -> list[tuple[Key, str]]:
    """One page of answers; what has more of them waits for the next."""
    queries = [
        {"package": {"ecosystem": e, "name": n}, "version": v} | ({"page_token": token} if token else {})
        for (e, n, v), token in waiting
    ]
    answer = ask(f"{base}/v1/querybatch", {"queries": queries}, budget)
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or len(results) != len(waiting):
        raise Unanswered("it answered for other packages than it was asked about")
    more = []
    for (key, _), result in zip(waiting, results, strict=True):
        listed = result.get("vulns") or [] if isinstance(result, dict) else None
        if not isinstance(listed, list) or not all(
            isinstance(v, dict) and isinstance(v.get("id"), str) for v in listed
        ):
            raise Unanswered(_SHAPE)
        named[key] += [item["id"] for item in listed]
        if result.get("next_page_token"):
            more.append((key, str(result["next_page_token"])))
    return more


def _records(ids: set[str], base: str, budget: Budget) -> tuple[dict[str, Any], dict[str, str]]:
    """The records by their id, and why some could not be had."""
    from urllib.parse import quote

    records: dict[str, Any] = {}
    lost: dict[str, str] = {}

    def one(identity: str) -> tuple[str, Any, str]:
        try:
            record = ask(f"{base}/v1/vulns/{quote(identity, safe='')}", None, budget)
        except Unanswered as error:
            return identity, None, f"the record {identity} could not be had: {error}"
        known = isinstance(record, dict) and isinstance(record.get("id"), str)
        return identity, record, "" if known else f"the record {identity} could not be had: {_SHAPE}"

    with ThreadPoolExecutor(_LANES) as pool:
        for identity, record, reason in pool.map(one, sorted(ids)):
            if reason:
                lost[identity] = reason
            else:
                records[identity] = record
    return records, lost


def _matched(key: Key, records: list[dict[str, Any]], source: str) -> tuple[Hit, ...]:
    """The records that the service named, each with the nearest version that mends it.

    That a record concerns the version is the service's word; the range says only what mends it.
    """
    from dataclasses import replace

    hits: list[Hit] = []
    package = Package(*key, path="", line=1)
    for record in records:
        database = Advisories()
        try:
            database.add(record)
            found = database.concerning(package)
        except (ValueError, TypeError):
            found = []
        if not found and not record.get("withdrawn"):
            aliases = frozenset(texts_of(record.get("aliases")))
            found = [Hit(record["id"], text_of(record.get("summary")), aliases=aliases)]
        hits += [replace(hit, source=source) for hit in found]
    return tuple(merged(hits, key[0]))
