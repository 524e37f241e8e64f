"""Audit trails: the tables that hold them, what writes to them, and whether an API role could change what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.audit_names import folded, is_trail
from auditor.facts.servers import span_of
from auditor.facts.units import is_example, is_test, is_vendored

if TYPE_CHECKING:
    from auditor.facts.servers import Listed
    from auditor.model import FileSpan

_NAME = r"(?:\"?(\w+)\"?\s*\.\s*)?\"?(\w+)\"?"
_CREATE = re.compile(rf"\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?{_NAME}", re.IGNORECASE)
_INSERT = re.compile(rf"\binsert\s+into\s+{_NAME}", re.IGNORECASE)
_CHANGES = re.compile(
    rf"alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?{_NAME}\s+(enable|disable)\s+row\s+level"
    rf"|create\s+policy\s+(\"[^\"]*\"|\w+)\s+on\s+{_NAME}([^;]*)"
    rf"|drop\s+policy\s+(?:if\s+exists\s+)?(\"[^\"]*\"|\w+)\s+on\s+{_NAME}"
    rf"|\b(grant|revoke)\s+([\w\s,]+?)\s+on\s+(?:table\s+)?{_NAME}\s+(?:to|from)\s+([^;]*)"
    rf"|create\s+(?:or\s+replace\s+)?(?:constraint\s+)?trigger\s+\S+\s+before\s+([\w\s]+?)\s+on\s+{_NAME}",
    re.IGNORECASE,
)
_API = re.compile(r"\b(?:anon|authenticated|public|web_anon)\b", re.IGNORECASE)
_TELLING = re.compile(r"audit|activity|event_?log|security_|admin_|system_?log", re.IGNORECASE)
_PRISMA = re.compile(r"^model\s+(\w+)", re.MULTILINE)
_EXTENSION = re.compile(
    r"create\s+extension[^;]*\bpgaudit\b|\bsupa_audit\b|\baudit\.enable_tracking\b|shared_preload_libraries[^\n]*pgaudit",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_DELETES = re.compile(r"\b(?:update|delete|all)\b", re.IGNORECASE)


@dataclass(slots=True)
class Trail:
    """One table. `policies` maps the name of each policy that lets an API role change rows to its place."""

    name: str
    where: FileSpan
    schema: str = "public"
    supabase: bool = False
    row_security: bool = False
    policies: dict[str, FileSpan] = field(default_factory=dict)
    granted: FileSpan | None = None
    revoked: bool = False
    guarded: bool = False

    def weakness(self) -> tuple[str, FileSpan] | None:
        """How an API role may change or delete entries, as far as the text of the migrations says it."""
        if self.guarded:
            return None
        for name, where in self.policies.items():
            return f"policy {name} lets API roles update or delete its entries", where
        if self.row_security:
            return None
        if self.granted:
            return "API roles are granted UPDATE or DELETE on it, and row level security is off", self.granted
        if self.supabase and self.schema == "public" and not self.revoked:
            return "row level security is off: every API role may update or delete its entries", self.where
        return None


@dataclass(slots=True)
class Trails:
    """Tables by folded name, what writes to one of them out of SQL, and an extension that keeps the trail itself."""

    tables: dict[str, Trail] = field(default_factory=dict)
    written: FileSpan | None = None
    extension: FileSpan | None = None


def read_trails(repository: Listed) -> Trails:
    """Trails of the migrations and of Prisma's schemas."""
    found = Trails()
    for path in repository.files:
        if is_vendored(path) or is_test(path) or is_example(path):
            continue
        if path.endswith((".sql", ".prisma", "postgresql.conf")) and _TELLING.search(
            text := repository.text(path) or ""
        ):
            (_prisma if path.endswith(".prisma") else _sql)(path, text, found)
    return found


def _prisma(path: str, text: str, found: Trails) -> None:
    for match in _PRISMA.finditer(text):
        if is_trail(match[1]):
            found.tables.setdefault(folded(match[1]), Trail(match[1], span_of(path, text, match.start())))


def _sql(path: str, text: str, found: Trails) -> None:
    text = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    if match := _EXTENSION.search(text):
        found.extension = found.extension or span_of(path, text, match.start())
    for match in _CREATE.finditer(text):
        if is_trail(match[2]) or (is_trail(match[1] or "") and match[2] in {"log", "logs", "events", "entries"}):
            _created(path, text, match, found)
    for match in _INSERT.finditer(text):
        if is_trail(match[2]) or folded(match[2]) in found.tables:
            found.written = found.written or span_of(path, text, match.start())
    for match in _CHANGES.finditer(text):
        _change(path, text, match, found)


def _created(path: str, text: str, match: re.Match[str], found: Trails) -> None:
    """A table of a migration; what Prisma calls the same one is known by its SQL from here on."""
    known = found.tables.get(folded(match[2]))
    if known is None or known.where.path.endswith(".prisma"):
        place = span_of(path, text, match.start())
        supabase = "supabase/" in path
        found.tables[folded(match[2])] = Trail(match[2], place, (match[1] or "public").lower(), supabase)


def _change(path: str, text: str, match: re.Match[str], found: Trails) -> None:
    (_, rls, switch, made, _, on, body, dropped, _, off, verb, rights, _, what, whom, moments, _, held) = match.groups()
    trail = found.tables.get(folded(rls or on or off or what or held or ""))
    if trail is None:
        return
    place = span_of(path, text, match.start())
    if switch:
        trail.row_security = switch.lower() == "enable"
    elif made:
        if _lets_change(body):
            trail.policies[made] = place
    elif dropped:
        trail.policies.pop(dropped, None)
    elif verb:
        _right(trail, verb.lower(), rights, whom, place)
    elif moments:
        trail.guarded = trail.guarded or {"update", "delete"} <= set(re.findall(r"\w+", moments.lower()))


def _lets_change(body: str) -> bool:
    """Whether a policy lets an API role change rows: by its command, its roles, and a condition that can hold."""
    command = re.search(r"\bfor\s+(\w+)", body, re.IGNORECASE)
    if command and not _DELETES.fullmatch(command[1]):
        return False
    roles = re.search(r"\bto\s+([\w\s,\"]+?)\s*(?:using|with|$)", body, re.IGNORECASE)
    if roles and not _API.search(roles[1]):
        return False
    return not re.search(r"using\s*\(\s*\(?\s*false\b|service_role|as\s+restrictive", body, re.IGNORECASE)


def _right(trail: Trail, verb: str, rights: str, whom: str, place: FileSpan) -> None:
    if _DELETES.search(rights) and _API.search(whom):
        trail.granted = place if verb == "grant" else None
        trail.revoked = verb == "revoke"
