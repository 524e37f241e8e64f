"""What the report says of the packages and of the sources of advisories that were asked about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditor.sources.packages import Packages


def describe(found: Packages) -> tuple[str, dict[str, Any], str | None]:
    """Status, facts and reason: the coverage of each source, and how many packages were answered for."""
    facts: dict[str, Any] = {"lockfiles": found.lockfiles, "packages": len(found.packages)}
    answered, total = found.counted()
    if total:
        facts["audited"] = f"{answered} of {total}"
    if found.others:
        facts["without advisories"] = [f"{p.name} ({p.origin})" for p in found.others][:20]
    facts |= _coverage(found)
    for source in found.answers:
        if source.answered and source.source != "--advisories":
            facts[f"answered by {source.source}"] = len(source.answered)
    reasons = [f"{path}: {reason}" for path, reason in found.unread.items()]
    reasons += sorted({reason for source in found.answers for reason in source.unanswered.values()})[:5]
    unasked = bool(found.packages) and not found.answers
    return ("partial" if reasons or unasked else "available", facts, "; ".join(reasons) or None)


def _coverage(found: Packages) -> dict[str, Any]:
    if not found.advisories:
        return {}
    facts: dict[str, Any] = {f"{name} records": count for name, count in sorted(found.advisories.records.items())}
    facts["newest record"] = found.advisories.newest or "no record says when it was modified"
    facts["records refused"] = found.advisories.refusals
    if found.advisories.refused:
        facts["the first of them"] = found.advisories.refused[:5]
    return facts
