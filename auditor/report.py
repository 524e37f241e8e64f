"""The report: the JSON contract as pydantic models. Every renderer reads this and nothing else.

`reports/report.schema.json` is generated from `Report`. Paths are relative to the scanned folder.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from auditor.model import Confidence, Kind, Outcome, Severity, Verdict  # noqa: TC001 - pydantic reads the annotations

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
    root: str = "."
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


class Location(_Part):
    path: str
    line: int
    end_line: int | None = None


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


class AccessCell(_Part):
    unit: str
    database: str
    object: str
    caller: str
    command: str
    state: Literal["allowed", "own-rows", "denied", "error", "unknown"]
    proof: ProofResult | None


class Gate(_Part):
    """The exit code and the sentence that explains it."""

    exit_code: int
    reason: str


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
