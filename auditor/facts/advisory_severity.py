"""How bad an advisory is: by CVSS (4 before 3), else by the database's own word, else not known."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from auditor.model import Severity

WORDS = {
    "CRITICAL": Severity.CRITICAL,
    "HIGH": Severity.HIGH,
    "MODERATE": Severity.MEDIUM,
    "MEDIUM": Severity.MEDIUM,
    "LOW": Severity.LOW,
    "INFO": Severity.LOW,
}
_SCORES = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))
_LONGEST = 500  # no vector is longer
_KINDS = ("CVSS_V4", "CVSS_V3")


def severity_of(record: dict[str, Any]) -> Severity | None:
    """The severity of an OSV record; malicious packages are critical whatever the record says."""
    if str(record.get("id", "")).startswith("MAL-"):
        return Severity.CRITICAL
    inner = (item for entry in _tables(record.get("affected")) for item in _tables(entry.get("severity")))
    for items in (_tables(record.get("severity")), list(inner)):
        vectors = {str(item.get("type")): item.get("score") for item in items}
        for kind in _KINDS:
            if (found := from_vector(vectors.get(kind))) is not None:
                return found
    specific = record.get("database_specific")
    return from_word(specific.get("severity")) if isinstance(specific, dict) else None


def _tables(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def from_word(word: object) -> Severity | None:
    return WORDS.get(word.upper()) if isinstance(word, str) else None


def from_score(score: float) -> Severity:
    return next((severity for least, severity in _SCORES if score >= least), Severity.LOW)


def from_vector(vector: object) -> Severity | None:
    return _vector(vector) if isinstance(vector, str) and len(vector) < _LONGEST else None


@lru_cache(5_000)
def _vector(vector: str) -> Severity | None:
    from cvss import CVSS3, CVSS4
    from cvss.exceptions import CVSSError

    if not vector.startswith(("CVSS:3", "CVSS:4")):
        return None
    try:
        return from_score(float((CVSS4 if vector.startswith("CVSS:4") else CVSS3)(vector).base_score))
    except CVSSError:
        return None
