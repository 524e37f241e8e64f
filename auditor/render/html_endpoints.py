"""The endpoint table of the HTML report: one row for each way in, one chip for each control in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model import Severity
from auditor.render.labels import Mark, place

if TYPE_CHECKING:
    from auditor.report import Endpoint, EndpointControl, EndpointInput, Finding, Report

# Field of an endpoint -> the token that the filter knows it by, the head of its column, the checklist's control.
COLUMNS = {
    "auth": ("auth", "Auth", "authenticated-endpoints"),
    "validation": ("validation", "Input", "validated-input"),
    "rate_limit": ("limit", "Limit", "rate-limiting"),
    "signature": ("signature", "Signed", "signed-webhooks"),
    "ownership": ("ownership", "Owner", "object-ownership"),
    "audit": ("audit", "Audit", "audit-logs"),
    "cors": ("cors", "CORS", "restrictive-cors"),
    "headers": ("headers", "Headers", "secure-headers"),
}
_NAMES = {
    "auth": "Authentication", "validation": "Input validation", "rate_limit": "Rate limit", "signature": "Signature",
    "ownership": "Ownership", "audit": "Audit record", "cors": "CORS", "headers": "Security headers",
}  # fmt: skip
_MARKS = {
    "present": Mark("✓", "present", "good"),
    "absent": Mark("○", "absent", "mute"),
    "unresolved": Mark("?", "could not resolve", "open"),
    "not_applicable": Mark("-", "not applicable", "mute"),
}
_FAULTY = {"present": Mark("◐", "present, with an open finding", "warn")}
_FAULT = Mark("✗", "absent, with an open finding", "bad")
_MINOR = Mark("✗", "absent, with a minor finding", "warn")

# Every sign that the table can show, with its tone.
LEGEND = [
    (m.symbol, m.tone, m.word)
    for m in (_MARKS["present"], *_FAULTY.values(), _FAULT, _MINOR, *list(_MARKS.values())[1:])
]


@dataclass(frozen=True, slots=True)
class Control:
    """One control of an endpoint; `anchor` leads to the open finding about it."""

    token: str
    name: str
    state: str
    mark: Mark
    evidence: str
    anchor: str | None


@dataclass(frozen=True, slots=True)
class Row:
    endpoint: Endpoint
    place: str
    controls: list[Control]
    facts: list[tuple[str, str]]
    reach: str
    open: bool


_Key = tuple[str, str, str]
# What the API serves of a database: findings are about the table, by these controls.
_DATA_APIS = {"PostgREST", "Supabase Realtime"}
_ON_TABLES = {
    "auth": ("rls-on-all-tables", "least-privilege-database", "tenant-isolation"),
    "ownership": ("tenant-isolation", "rls-on-all-tables"),
}


def endpoint_rows(report: Report) -> list[Row]:
    faults = _faults(report)
    return [_row(endpoint, faults) for endpoint in report.endpoints]


def _faults(report: Report) -> dict[_Key, Finding]:
    """The most severe open finding of each unit, endpoint or table, and control."""
    found: dict[_Key, Finding] = {}
    for finding in report.findings:
        if finding.status == "open" and finding.subject.startswith(("endpoint ", "table ")):
            key = (finding.unit, finding.subject, finding.control)
            if key not in found or finding.severity.rank > found[key].severity.rank:
                found[key] = finding
    return found


def _row(endpoint: Endpoint, faults: dict[_Key, Finding]) -> Row:
    controls = [_control(endpoint, name, _fault_of(endpoint, name, faults)) for name in COLUMNS]
    return Row(endpoint, place(endpoint), controls, _facts(endpoint), _reach(endpoint), any(c.anchor for c in controls))


def _fault_of(endpoint: Endpoint, name: str, faults: dict[_Key, Finding]) -> Finding | None:
    if endpoint.framework not in _DATA_APIS:
        return faults.get((endpoint.unit, f"endpoint {endpoint.method} {endpoint.path}", COLUMNS[name][2]))
    if getattr(endpoint, name).state != "absent":
        return None
    tables = (*endpoint.data.reads, *endpoint.data.writes)
    found = [faults.get((endpoint.unit, f"table {t}", control)) for t in tables for control in _ON_TABLES.get(name, ())]
    return next((fault for fault in found if fault), None)


def _control(endpoint: Endpoint, name: str, fault: Finding | None) -> Control:
    control: EndpointControl = getattr(endpoint, name)
    mark = _mark(control.state, fault)
    anchor = f"f={fault.fingerprint}" if fault else None
    return Control(COLUMNS[name][0], _NAMES[name], control.state, mark, control.evidence, anchor)


def _mark(state: str, fault: Finding | None) -> Mark:
    if fault is None:
        return _MARKS[state]
    return _FAULTY.get(state, _FAULT if fault.severity.rank >= Severity.MEDIUM.rank else _MINOR)


def _reach(endpoint: Endpoint) -> str:
    """What a handler does to the database, in a word or two."""
    data = endpoint.data
    acts = "writes" if data.writes else "reads" if data.reads else ""
    return f"{acts or 'connects'} as service role" if "service-role" in data.clients else acts


def _facts(endpoint: Endpoint) -> list[tuple[str, str]]:
    data = endpoint.data
    raw = f"{data.raw_sql.path}:{data.raw_sql.line}" if data.raw_sql else ""
    facts = [
        ("Takes", ", ".join(_input(each) for each in endpoint.inputs)),
        ("Reads", ", ".join(data.reads)),
        ("Writes", ", ".join(data.writes)),
        ("As", ", ".join(name.replace("-", " ") for name in data.clients)),
        ("SQL in the handler", raw),
    ]
    return [(name, value) for name, value in facts if value]


def _input(taken: EndpointInput) -> str:
    where = f" at {taken.schema_location.path}:{taken.schema_location.line}" if taken.schema_location else ""
    loose = ", which lets other fields through" if taken.loose else ""
    words = {"present": f"with a schema{where}{loose}", "absent": "without a schema", "unresolved": "schema not known"}
    return f"{taken.source} {words.get(taken.state, '')}".strip()
