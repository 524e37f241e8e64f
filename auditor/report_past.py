"""The part of the report that says what a scan is compared with: another revision, a baseline, earlier scans."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from auditor.model import Severity  # noqa: TC001 - pydantic reads the annotations


class Part(BaseModel):
    """What every part of the report is made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Location(Part):
    path: str
    line: int
    end_line: int | None = None


class PastFinding(Part):
    """A finding of another revision, or of a baseline, that is not among the present ones."""

    rule: str
    severity: Severity
    subject: str
    path: str | None
    fingerprint: str


class Weakening(Part):
    """Something that makes this tool say less than it did before the change: a suppression, a setting, a baseline."""

    detail: str
    location: Location | None = None


class Comparison(Part):
    """The findings against those of another revision.

    `commit` is where the present files left `ref`. `unsettled` are findings of then that can be called neither fixed
    nor open: their rule gave no answer now. `not_compared` names the rules that gave none then, and why: what they find
    now is new, but for git's history, whose findings are as old as their commits.
    """

    ref: str
    commit: str | None
    new: int
    worse: int
    returned: int
    moved: int
    unchanged: int
    fixed: list[PastFinding]
    unsettled: list[PastFinding]
    not_compared: list[str]
    weakened: list[Weakening]


class BaselineNote(Part):
    """The baseline that was read: `stale` entries match no finding any more."""

    path: str
    entries: int
    matched: int
    stale: list[PastFinding]


class TrendPoint(Part):
    """An earlier scan; scans that came to the same are one point, at the time of the first."""

    time: str
    commit: str | None
    score_min: float
    score_max: float
    grade: str | None
    findings: dict[Severity, int]


class Recurring(Part):
    """A rule of which one scan after another brought something new: how many scans did."""

    rule: str
    times: int


class Trend(Part):
    """What earlier scans of this folder came to, the oldest first; the present one is not among them."""

    points: list[TrendPoint]
    recurring: list[Recurring]
