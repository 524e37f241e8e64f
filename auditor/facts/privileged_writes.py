"""Writes to what only the privileged may change: members, roles, keys, or anything behind an admin's gate."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.audit_names import is_privileged, is_sensitive
from auditor.facts.servers import span_of, without_comments
from auditor.facts.units import unit_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.parsed_files import Files
    from auditor.facts.servers import Listed
    from auditor.model import FileSpan

_WRITE = "create|createMany|insertMany|insert|update|updateOne|updateMany|upsert|delete|deleteOne|deleteMany|destroy"
_WRITES = (
    re.compile(rf"\.(\w+)\.(?:{_WRITE})\s*\("),  # prisma.member.delete(
    re.compile(r"\.(?:insert|update|delete)\(\s*(?:\w+\.)?(\w+)\s*\)"),  # db.delete(members)
    re.compile(r"\.from\(\s*['\"](\w+)['\"][^()]*\)\s*\.\s*(?:insert|update|delete|upsert)\s*\("),
    re.compile(rf"\b([A-Z]\w+)\.(?:{_WRITE}|findByIdAnd\w+|findOneAnd(?:Update|Delete)\w*|bulkCreate|remove)\s*\("),
    re.compile(r"\.collection\(\s*['\"](\w+)['\"]\s*\)\s*\.\s*(?:insert|update|delete|remove|replace)\w*\s*\("),
    re.compile(r"\b(\w+?)(?:Col|Coll|Collection)\.(?:insert|update|delete|remove|replace|save)(?:One|Many)?\s*\("),
    re.compile(r"\b(\w+)\.(?:insert|update|delete|replace)(?:One|Many)\s*\("),
    re.compile(r"\b(\w+?)(?:Repo|Repository)\.(?:save|insert|delete|remove|update)\s*\("),
    re.compile(r"(?:insertInto|updateTable|deleteFrom)\(\s*['\"](\w+)"),
    re.compile(r"\b(?:insert\s+into|delete\s+from)\s+[\"`]?(?:\w+\.)?[\"`]?(\w+)", re.IGNORECASE),
    re.compile(r"\bupdate\s+[\"`]?(?:\w+\.)?[\"`]?(\w+)[\"`]?\s+set\b", re.IGNORECASE),
    re.compile(r"\b(\w+)\.objects\.(?:create|update_or_create|bulk_create|filter\([^()]*\)\.(?:update|delete))\b"),
    re.compile(r"\bsession\.(?:add|delete|merge)\(\s*(?:\w+\.)?(\w+)"),
    re.compile(r"\b(user|account|member|organization|team)\.(?:remove|delete|deleteOne|destroy|save)\(\)"),
)
_MAY_WRITE = (
    ".create", ".insert", ".update", ".upsert", ".delete", ".destroy", ".bulkcreate", ".find", ".save(", ".add(",
    ".merge(", ".remove(", ".objects", "insertinto", "updatetable", "deletefrom", "insert into", "delete from", " set ",
)  # fmt: skip
_MAY_GATE = ("admin", "role", "permission", "superuser", "staff")
_GATE = re.compile(
    r"\b(?:require|ensure|assert|check|verify|is|has|can)_?\w*(?:[aA]dmin|[rR]ole|[pP]ermission|[sS]uperuser)\w*\b"
    r"|\badmin(?:Only|Procedure|Guard|_required|Middleware)\b|\b\w+\.admin\b(?!\.)|IsAdminUser|is_superuser|is_staff"
    r"|get_current_active_superuser|roles?_(?:required|accepted)|@Roles\(|roleRights"
    r"|\brole\w*\b[^\n]{0,40}['\"](?:admin|owner|superadmin|super_admin)['\"]",
)
_BROWSER = re.compile(r"^\s*['\"]use client['\"]", re.MULTILINE)
_SIDE = re.compile(r"(?:^|/)(?:webhooks?|stripe|migrations?|alembic|versions|fixtures)(?:/|\.[jt]s|\.py)")

# Where users act for themselves, or nobody acts: signing up, the own account, queues.
_OWN_DOING = re.compile(
    r"(?i)(?:^|[/_.-])(?:forms?|regist\w*|sign_?-?up|auth\w*|profiles?|accounts?|celery|tasks?|jobs?|workers?)(?:[/_.-]|$)"
)


@dataclass(frozen=True, slots=True)
class Write:
    """One write: where it stands, the table or model that it names, and whether a check for a role is beside it."""

    where: FileSpan
    table: str
    gated: bool


def privileged_writes(repository: Listed, code: Files) -> dict[str, Write]:
    """For each unit that makes them, the write that shows it best."""
    found: dict[str, list[Write]] = defaultdict(list)
    gated: set[str] = set()
    for path in code.files:
        if path.endswith((".tsx", ".jsx")) or _SIDE.search(path) or _BROWSER.search(code.text(path)[:2000]):
            continue
        unit, text = unit_of(path, repository.units), code.text(path)
        plain = text.lower()
        gate = any(word in plain for word in _MAY_GATE) and bool(_GATE.search(text))
        if gate:
            gated.add(unit)
        known = any(is_privileged(write.table) for write in found[unit])  # nothing says more of the unit
        if not known and any(word in plain for word in _MAY_WRITE):
            found[unit] += _writes(path, without_comments(code, path), gated=gate)
    best = {unit: _best(writes, roles=unit in gated) for unit, writes in sorted(found.items())}
    return {unit: write for unit, write in best.items() if write}


def _writes(path: str, text: str, *, gated: bool) -> Iterator[Write]:
    for pattern in _WRITES:
        for match in pattern.finditer(text):
            if is_privileged(match[1]) or is_sensitive(match[1]):
                yield Write(span_of(path, text, match.start(1)), match[1], gated)


def _best(writes: list[Write], *, roles: bool) -> Write | None:
    """A write to members, roles or keys; else one to users and the like, where the application knows roles."""
    strong = [write for write in writes if is_privileged(write.table)]
    if strong:
        return strong[0]
    beside = [write for write in writes if write.gated]
    others = [write for write in writes if not _OWN_DOING.search(write.where.path)]
    return next(iter(beside or others), None) if roles else None
