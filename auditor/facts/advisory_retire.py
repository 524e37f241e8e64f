"""RetireJS's repository of npm packages as OSV records."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_retire(value: object) -> bool:
    """Whether a document is one: a table of packages with their vulnerabilities. Bytes are judged by their look."""
    if isinstance(value, bytes):
        return b'"vulnerabilities"' in value and b'"below"' in value
    if not isinstance(value, dict) or "id" in value or not value:
        return False
    return any(isinstance(entry, dict) and isinstance(entry.get("vulnerabilities"), list) for entry in value.values())


def records_of(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, entry in value.items():
        listed = entry.get("vulnerabilities") if isinstance(entry, dict) else None
        for item in listed if isinstance(listed, list) else ():
            if isinstance(item, dict) and (item.get("below") or item.get("atOrAbove")):
                yield _record(str(entry.get("npmname") or name), item)


def _record(name: str, item: dict[str, Any]) -> dict[str, Any]:
    identifiers = item.get("identifiers")
    known = identifiers if isinstance(identifiers, dict) else {}
    aliases = [text for text in [known.get("githubID"), *_listed(known.get("CVE"))] if isinstance(text, str)]
    seed = "\0".join((name, str(item.get("atOrAbove")), str(item.get("below")), str(known.get("summary"))[:300]))
    events = [{"introduced": str(item.get("atOrAbove") or "0")}]
    if item.get("below"):
        events.append({"fixed": str(item["below"])})
    return {
        "id": aliases[0] if aliases else f"RETIRE-{hashlib.sha256(seed.encode()).hexdigest()[:12]}",
        "aliases": aliases[1:],
        "summary": known.get("summary") or "",
        "affected": [{"package": {"ecosystem": "npm", "name": name}, "ranges": [{"type": "SEMVER", "events": events}]}],
        "database_specific": {"severity": str(item.get("severity", "")), "cwe_ids": _listed(item.get("cwe"))},
    }


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
