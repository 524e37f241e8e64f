"""Backends that change roles, members or keys and keep no trail of it, or one that can be lost or rewritten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.audit_calls import read_audit_code
from auditor.facts.audit_names import is_privileged
from auditor.facts.audit_trails import read_trails
from auditor.facts.privileged_writes import privileged_writes
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.audit_calls import AuditCode
    from auditor.facts.audit_trails import Trails
    from auditor.facts.privileged_writes import Write
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_MANIFESTS = ("package.json", "pyproject.toml", "requirements.txt", "deno.json")


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    for path, reason in code.unread.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    writes = privileged_writes(repository, code)
    if not writes:
        return
    trails, calls = read_trails(repository), read_audit_code(code)
    written = (
        trails.written or trails.extension or calls.library or next((w.where for w in calls.writes.values()), None)
    )
    exists = bool(trails.tables or calls.tables or written)
    for unit, write in writes.items():
        if written:
            yield Answer(
                f"unit {unit}", State.OK, f"a trail is written: {written.path}", _manifest(repository, unit, write)
            )
        elif not exists:
            yield Answer(f"unit {unit}", State.FAIL, _none(write), _manifest(repository, unit, write), evidence="none")
    yield from _about_tables(trails, calls, written=written is not None)
    for done in calls.writes.values():
        state = State.FAIL if done.dropped else State.OK
        detail = "the failure of the audit write is dropped" if done.dropped else "its failure is not dropped"
        yield Answer(done.subject, state, detail, done.where, severity=Severity.LOW, evidence="dropped" * done.dropped)


def _none(write: Write) -> str:
    gate = " behind a check for a role" if write.gated and not is_privileged(write.table) else ""
    what = f"{write.table}{gate}"
    return f"it changes {what} ({write.where.path}:{write.where.line}) and keeps no record of who changed what"


def _manifest(repository: Repository, unit: str, write: Write) -> FileSpan:
    folder = "" if unit == "." else f"{unit}/"
    path = next((folder + name for name in _MANIFESTS if folder + name in repository.files), None)
    return FileSpan(path, 1) if path else write.where


def _about_tables(trails: Trails, calls: AuditCode, *, written: bool) -> Iterator[Answer]:
    tables = {key: (trail.name, trail.where) for key, trail in trails.tables.items()}
    for key, (name, where) in sorted({**calls.tables, **tables}.items()):
        trail = trails.tables.get(key)
        weak = trail.weakness() if trail else None
        subject = f"trail {name}"
        if not written:
            detail = "the table is there and nothing writes to it"
            yield Answer(subject, State.FAIL, detail, where, severity=Severity.LOW, evidence="not written")
        elif weak:
            yield Answer(subject, State.FAIL, weak[0], weak[1], severity=Severity.LOW, evidence="not append-only")
        else:
            yield Answer(subject, State.OK, "written, and no API role is seen to change it", where)
