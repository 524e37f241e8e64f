"""Judged answers to the report: findings with fingerprints and code frames, and what was not checked. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from auditor.facts.secrets import redact
from auditor.judge import confidence_of, severity_of
from auditor.model import Commit, DbObject, Outcome
from auditor.report import (
    ControlResult,
    Finding,
    FrameLine,
    HistoryStep,
    Location,
    NotChecked,
    ProofResult,
    RuleResult,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from auditor.judge import Judged, Ruled
    from auditor.model import Answer, FileSpan, Proof
    from auditor.rulebook import Page, Rulebook
    from auditor.suppress import Complaint

_CONTEXT = 2
_MAX_FRAME = 14
_MAX_TEXT = 20_000


def fingerprint_of(page: Page, answer: Answer, seen: Counter[tuple[str, ...]]) -> str:
    """Identity across scans: no line numbers. Twins within one symbol are told apart by their order."""
    place = answer.database or "" if isinstance(answer.where, DbObject) else answer.span.path if answer.span else ""
    parts = (page.id, answer.unit, place, answer.subject, answer.evidence)
    seen[parts] += 1
    return hashlib.sha256("\0".join((*parts, str(seen[parts]))).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def build_findings(
    rules: Sequence[Ruled], accepted: Mapping[int, str], text: Callable[[str], str | None]
) -> list[Finding]:
    """Open and accepted findings, the most severe first, then by place."""
    seen: Counter[tuple[str, ...]] = Counter()
    shown = _redacted(text)
    found = [
        (
            answer.order,
            _finding(rule.page, answer, fingerprint_of(rule.page, answer, seen), accepted.get(id(answer)), shown),
        )
        for rule in rules
        for answer in sorted((*rule.open, *rule.accepted), key=_order)
    ]
    return [finding for _, finding in sorted(found, key=_rank)]


def _rank(ordered: tuple[int, Finding]) -> tuple[int, int, str, int, str, str]:
    """The most severe first; of one rule, what its detector ranks first."""
    order, found = ordered
    return -found.severity.rank, -found.confidence.rank, found.rule, order, found.subject, found.fingerprint


def _redacted(text: Callable[[str], str | None]) -> Callable[[str], str | None]:
    """The files' text without secrets, each blacked out once: a key may span lines, so whole files and not frames."""
    known: dict[str, str | None] = {}

    def read(path: str) -> str | None:
        if path not in known:
            content = text(path)
            known[path] = None if content is None else redact(content)
        return known[path]

    return read


def _order(answer: Answer) -> tuple[str, str, str, int]:
    span = answer.span
    return answer.database or "", answer.subject, span.path if span else "", span.line if span else 0


def _finding(
    page: Page, answer: Answer, fingerprint: str, reason: str | None, text: Callable[[str], str | None]
) -> Finding:
    return Finding(
        rule=page.id,
        control=page.control,
        severity=severity_of(answer, page),
        confidence=confidence_of(answer, page),
        subject=answer.subject,
        title=page.title,
        detail=redact(answer.detail[:_MAX_TEXT]),
        fix=page.fix,
        unit=answer.unit,
        database=answer.database,
        location=location_of(answer.span),
        object=answer.where.identity if isinstance(answer.where, DbObject | Commit) else None,
        sources=list(answer.sources),
        fingerprint=fingerprint,
        frame=frame_of(answer.span, text),
        proof=proof_of(answer.proof),
        history=[_step(statement, span) for statement, span in answer.history],
        status="accepted" if reason is not None else "open",
        status_reason=reason,
        evidence=redact(answer.evidence),
    )


def location_of(span: FileSpan | None) -> Location | None:
    return Location(path=span.path, line=span.line, end_line=span.end_line) if span else None


def _step(statement: str, span: FileSpan) -> HistoryStep:
    return HistoryStep(statement=redact(statement), location=Location(path=span.path, line=span.line))


def proof_of(proof: Proof | None) -> ProofResult | None:
    if proof is None:
        return None
    return ProofResult(
        script=redact(proof.script[:_MAX_TEXT]), seen=redact(proof.seen[:_MAX_TEXT]), expected=redact(proof.expected)
    )


def frame_of(span: FileSpan | None, text: Callable[[str], str | None]) -> list[FrameLine]:
    """The lines around a place, a few of them, the place itself marked."""
    content = text(span.path) if span else None
    if span is None or content is None:
        return []
    lines = content.split("\n")
    last_marked = min(span.end_line or span.line, span.line + _MAX_FRAME - 2 * _CONTEXT - 1)
    numbers = range(max(1, span.line - _CONTEXT), min(len(lines), last_marked + _CONTEXT) + 1)
    return [
        FrameLine(number=n, text=lines[n - 1].rstrip("\r")[:400], marked=span.line <= n <= last_marked) for n in numbers
    ]


def complaint_findings(complaints: Iterable[Complaint], book: Rulebook) -> list[Finding]:
    """Suppressions that do not hold are findings of their own; they move neither verdict nor gate."""
    found = []
    for complaint in complaints:
        page = book.page(complaint.rule)
        assert page
        path, _, line = complaint.waiver.written_at.rpartition(":")
        parts = (
            complaint.rule,
            complaint.waiver.written_at.rpartition(":")[0],
            complaint.waiver.rule,
            complaint.detail,
        )
        found.append(
            Finding(
                rule=page.id,
                control=page.control,
                severity=page.severity,
                confidence=page.confidence,
                subject=f"suppression {complaint.waiver.rule}",
                title=page.title,
                detail=complaint.detail,
                fix=page.fix,
                unit=".",
                database=None,
                location=Location(path=path, line=int(line or 1)),
                object=None,
                sources=["repository"],
                fingerprint=hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32],
                frame=[],
                proof=None,
                status="open",
            )
        )
    return list({finding.fingerprint: finding for finding in found}.values())


def build_controls(judged: Sequence[Judged], book: Rulebook) -> list[ControlResult]:
    return [
        ControlResult(
            id=item.control.id,
            title=item.control.title,
            asks=item.control.asks,
            weight=item.control.weight,
            extended=item.control.extended,
            verdict=item.verdict,
            reason=item.reason,
            subjects=item.subjects,
            rules=[page.id for page in book.rules_of(item.control.id)],
        )
        for item in judged
    ]


def build_rules(rules: Sequence[Ruled]) -> list[RuleResult]:
    return [
        RuleResult(
            id=rule.page.id,
            kind=rule.page.kind,
            title=rule.page.title,
            control=rule.page.control,
            severity=rule.page.severity,
            outcome=rule.outcome,
            reason=rule.reason,
            subjects_total=rule.subjects.total,
            subjects_failed=rule.subjects.failed,
            subjects_unknown=rule.subjects.unknown,
        )
        for rule in rules
    ]


def build_not_checked(rules: Sequence[Ruled], judged: Sequence[Judged]) -> list[NotChecked]:
    """Everything that was not looked at: controls without a rule, rules not asked for want of evidence, subjects."""
    found = [
        NotChecked(rule=item.control.id, control=item.control.id, subject=None, reason=item.reason)
        for item in judged
        if not any(rule.page.control == item.control.id for rule in rules)
    ]
    for rule in rules:
        if rule.outcome is Outcome.UNKNOWN and not rule.unknown:
            found.append(NotChecked(rule=rule.page.id, control=rule.page.control, subject=None, reason=rule.reason))
        found += [_not_checked(rule.page, answer) for answer in rule.unknown]
    return found


def _not_checked(page: Page, answer: Answer) -> NotChecked:
    return NotChecked(
        rule=page.id,
        control=page.control,
        subject=answer.subject,
        reason=redact(answer.detail),
        location=location_of(answer.span),
    )
