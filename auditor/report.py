"""The report: the JSON contract as pydantic models. Every renderer reads this and nothing else.

`reports/report.schema.json` is generated from `Report`. Paths are relative to the scanned folder.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from auditor.model import Confidence, Kind, Outcome, Severity, Verdict  # noqa: TC001 - pydantic reads the annotations
from auditor.report_past import BaselineNote, Comparison, Trend  # noqa: TC001 - likewise
from auditor.report_past import Location as Location  # noqa: PLC0414, TC001 - other modules take it from here

SCHEMA_VERSION = "1.0"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tool(_Part):
    name: str = "backend-audit"
    version: str


class Unit(_Part):
    """A package of the repository: where it lies and what it is built with."""

    path: str
    stack: list[str]


class Target(_Part):
    """What was scanned; `prefix` is its path below the git top level, from where hosts of code look files up."""

    root: str = "."
    prefix: str = ""
    commit: str | None
    units: list[Unit]


class EvidenceNote(_Part):
    """What one source gave: read before the verdicts, it says what they rest on."""

    source: str
    status: Literal["available", "partial", "unavailable"]
    reason: str | None = None
    seconds: float
    facts: dict[str, str | int | float | bool | list[str]] = Field(default_factory=dict)


class Cap(_Part):
    """A limit on the grade, and why it applies."""

    grade: str | None
    limit: float | None
    reason: str


class ScoreLine(_Part):
    """One line of the score's arithmetic: points are between 0 and `weight`."""

    control: str
    weight: float
    points_min: float
    points_max: float
    reason: str


class Score(_Part):
    """`min` counts unknown controls as 0, `max` as passed; both 0 to 100. `coverage` is 0 to 1."""

    min: float
    max: float
    grade: Literal["A", "B", "C", "D", "F"] | None
    coverage: float
    caps: list[Cap]
    lines: list[ScoreLine]


class Subjects(_Part):
    total: int
    ok: int
    failed: int
    unknown: int


class ControlResult(_Part):
    id: str
    title: str
    asks: str
    weight: Severity
    extended: bool
    verdict: Verdict
    reason: str
    subjects: Subjects
    rules: list[str]


class RuleResult(_Part):
    id: str
    kind: Kind
    title: str
    control: str
    severity: Severity
    outcome: Outcome
    reason: str
    subjects_total: int
    subjects_failed: int
    subjects_unknown: int


class ProofResult(_Part):
    """A transcript: `script` runs in psql on the replayed database; `seen` is what it showed."""

    script: str
    seen: str
    expected: str


class FrameLine(_Part):
    number: int
    text: str
    marked: bool


class HistoryStep(_Part):
    """One statement that made an object of a database what it is."""

    statement: str
    location: Location


class Finding(_Part):
    rule: str
    control: str
    severity: Severity
    confidence: Confidence
    subject: str
    title: str
    detail: str
    fix: str
    unit: str
    database: str | None
    location: Location | None
    object: str | None
    sources: list[str]
    fingerprint: str
    frame: list[FrameLine]
    proof: ProofResult | None
    history: list[HistoryStep] = []
    status: Literal["open", "accepted", "baselined"]
    status_reason: str | None = None
    evidence: str = ""
    change: Literal["new", "worse", "returned", "moved", "unchanged"] | None = None
    change_reason: str | None = None


class NotChecked(_Part):
    """One thing that was not looked at, and why: an unknown subject, or a rule that could not be asked."""

    rule: str
    control: str
    subject: str | None
    reason: str
    location: Location | None = None


class EndpointControl(_Part):
    """Whether a control stands before an endpoint, and what shows it (or which name could not be followed)."""

    state: Literal["present", "absent", "unresolved", "not_applicable"]
    evidence: str


_NOT_ASKED = EndpointControl(state="not_applicable", evidence="")


class EndpointInput(_Part):
    """One thing that an endpoint takes from its caller, and the schema that sees it."""

    source: Literal["param", "query", "header", "cookie", "json", "form", "arguments"]
    state: Literal["present", "absent", "unresolved", "not_applicable"]
    schema_location: Location | None
    loose: bool


class EndpointData(_Part):
    """What an endpoint reaches in the database, with whose rights, and SQL that stands in its handler."""

    reads: list[str] = []
    writes: list[str] = []
    clients: list[Literal["caller", "connection", "service-role"]] = []
    raw_sql: Location | None = None


class Endpoint(_Part):
    """One way in, with the controls in front of it."""

    unit: str
    method: str
    path: str
    framework: str
    location: Location | None
    auth: EndpointControl
    validation: EndpointControl
    rate_limit: EndpointControl
    signature: EndpointControl
    ownership: EndpointControl = _NOT_ASKED
    audit: EndpointControl = _NOT_ASKED
    cors: EndpointControl = _NOT_ASKED
    headers: EndpointControl = _NOT_ASKED
    inputs: list[EndpointInput] = []
    data: EndpointData = EndpointData()


class AccessStep(_Part):
    """One attempt behind a cell: `rows` says whose row it is about, `seen` what came of `statement`. Without one
    nothing was run, and `seen` says why.
    """

    rows: str
    statement: str
    seen: str


class AccessCell(_Part):
    """`steps` run after the `access_setup` of the database: its `rows`, then the lines of the caller."""

    unit: str
    database: str
    object: str
    caller: str
    command: str
    state: Literal["allowed", "own-rows", "denied", "error", "unknown"]
    proof: ProofResult | None
    steps: list[AccessStep] = []


class AccessSetup(_Part):
    """What the transcripts of a database's cells have in common: `rows` plants everything, `callers` lets each act."""

    unit: str
    database: str
    rows: str
    callers: dict[str, str]


class Gate(_Part):
    """The exit code, the sentence that explains it, and what the repository's own settings loosen."""

    exit_code: int
    reason: str
    notes: list[str] = []


class Report(_Part):
    schema_version: str = SCHEMA_VERSION
    scoring_version: str
    tool: Tool
    target: Target
    gate: Gate
    evidence: list[EvidenceNote]
    score: Score
    controls: list[ControlResult]
    rules: list[RuleResult]
    findings: list[Finding]
    not_checked: list[NotChecked]
    endpoints: list[Endpoint]
    access: list[AccessCell]
    access_setup: list[AccessSetup] = []
    comparison: Comparison | None = None
    baseline: BaselineNote | None = None
    trend: Trend | None = None
