"""Answers of services, kept for a day: another scan of the same packages asks nobody, and says how old the answer is.

Only whole answers are kept, so a failure never turns into an all-clear. What is in them are package names and
advisories, both public.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.facts.advisory_answers import Answers, Hit
from auditor.model import Severity
from auditor.sources.user_cache import load, store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from auditor.facts.lock_graph import Package

_FORMAT = 1
_HOUR = 3600
_SECONDS = 24 * _HOUR


def kept(folder: Path | None, service: str, packages: Iterable[Package], ask: Callable[[], Answers]) -> Answers:
    """What a service answered about exactly these packages within a day, else what it answers now."""
    if folder is None:
        return ask()
    keys = sorted({(p.ecosystem, p.name, p.version) for p in packages})
    name = hashlib.sha256(json.dumps([_FORMAT, service, keys]).encode()).hexdigest()
    place = folder / "advisories" / f"{name}.json"
    known = _known(load(place))
    if known is not None and known.answered.keys() == set(keys):
        return known
    found = ask()
    if found.answered.keys() == set(keys) and not found.unanswered:
        answered = [[list(key), [_stored(hit) for hit in hits]] for key, hits in sorted(found.answered.items())]
        store(place, {"asked": time.time(), "source": found.source, "answered": answered})
    return found


def _known(stored: Any) -> Answers | None:  # noqa: ANN401 - JSON of any shape
    """An answer that was stored and is not too old."""
    try:
        age = time.time() - float(stored["asked"])
        source = f"{stored['source']}, {_shown(age)} ago"
        answered = {tuple(key): tuple(_hit(hit, source) for hit in hits) for key, hits in stored["answered"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Answers(source, answered) if 0 <= age < _SECONDS else None


def _shown(seconds: float) -> str:
    return f"{seconds / _HOUR:.0f} h" if seconds >= _HOUR else f"{seconds / 60:.0f} min"


def _stored(hit: Hit) -> dict[str, Any]:
    return {
        "id": hit.id, "summary": hit.summary, "fixed": hit.fixed, "severity": hit.severity,
        "aliases": sorted(hit.aliases), "functions": list(hit.functions),
    }  # fmt: skip


def _hit(stored: dict[str, Any], source: str) -> Hit:
    severity = Severity(stored["severity"]) if stored["severity"] else None
    known = Hit(stored["id"], stored["summary"], stored["fixed"], severity, frozenset(stored["aliases"]))
    return replace(known, functions=tuple(stored["functions"]), source=source)
