"""The vocabulary: frozen types that every layer shares."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path  # noqa: TC003 - a dataclass field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


_SHORT = 10  # characters of a commit's id: enough to find it, and readable


class _Ranked(StrEnum):
    """An enumeration whose members are declared from the least to the most."""

    @property
    def rank(self) -> int:
        return list(type(self)).index(self)


class Severity(_Ranked):
    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Confidence(_Ranked):
    """How sure an answer is; `proved` carries a transcript that a reviewer can run."""

    SUSPECTED = "suspected"
    INFERRED = "inferred"
    PROVED = "proved"


class State(StrEnum):
    """The state of one subject under one rule."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """What a rule came to, over all its subjects."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"
    NOT_ASKED = "not_asked"


class Verdict(StrEnum):
    """What a control came to, over all its rules."""

    PASS = "pass"  # noqa: S105 - not a password
    PARTIAL = "partial"
    FAIL = "fail"
    ACCEPTED = "accepted"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"
    NOT_ASKED = "not_asked"


class Kind(StrEnum):
    """The kind of a rule: the folder of its page, and the evidence that it reads."""

    CATALOG = "catalog"
    PROBE = "probe"
    MIGRATION = "migration"
    CODE = "code"
    ROUTE = "route"
    SECRET = "secret"  # noqa: S105 - not a password
    REPOSITORY = "repository"
    DEPENDENCY = "dependency"
    SETTINGS = "settings"


class ExitCode(IntEnum):
    """What a pipeline sees; USAGE, TOOL_FAILED and NOTHING come before FAILED, which comes before INCOMPLETE."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    TOOL_FAILED = 3
    INCOMPLETE = 4
    NOTHING = 5
    INTERRUPTED = 130


class Unavailable(Exception):  # noqa: N818 - a state of the evidence rather than an error
    """Evidence that could not be had; the text is the sentence that the report prints."""


class Isolated(Unavailable):
    """Likewise of a database, of which it is known all the same that no API role exists."""


class NotApplicable(Exception):  # noqa: N818 - likewise
    """Evidence that this target positively does not have; the text is the sentence that the report prints."""


class UsageError(Exception):
    """A wrong option or configuration (exit code 2)."""


class NothingToScan(Exception):  # noqa: N818 - an outcome with an exit code of its own
    """The target holds nothing that this tool understands (exit code 5)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What to scan, as the user said it; nothing here comes from the repository.

    `probe_live` lets the probes write to `database`, `disposable` whatever speaks against it. `history_seconds` is the
    time that git's history may take, 0 where it is left out. `cache` is where answers of services are kept for a day.
    """

    root: Path
    database: str | None = None
    shadow: bool = True
    pg_bin: str | None = None
    timeout: float = 300.0
    advisories: tuple[str, ...] = ()
    offline: bool = False
    max_advisory_age: float = 7.0
    require_complete: bool = False
    imported_audits: tuple[str, ...] = ()
    vex: tuple[str, ...] = ()
    grants: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    all_migrations: bool = False
    history_seconds: float = 20.0
    cache: Path | None = None
    denied_licences: tuple[str, ...] = ()
    probe_live: bool = False
    disposable: bool = False


@dataclass(frozen=True, slots=True)
class FileSpan:
    """Lines of a file; `path` is relative to the scanned folder, lines count from 1."""

    path: str
    line: int
    end_line: int | None = None


@dataclass(frozen=True, slots=True)
class DbObject:
    """An object of a database.

    `kind` and `identity` make the subject (`table` + `public.notes`); `classid` and `objid` are its
    catalog address (0 where it has none); `column` narrows the place to one column of a table;
    `aspect` names the property that the finding is about, so that the statement which set it last is shown;
    `relation` is the table or view that the object hangs on, the identity itself where empty.
    """

    kind: str
    identity: str
    classid: int = 0
    objid: int = 0
    column: str | None = None
    aspect: str = "definition"
    relation: str = ""

    @property
    def subject(self) -> str:
        return f"{self.kind} {self.identity}"


@dataclass(frozen=True, slots=True)
class Commit:
    """A version of a file in git's history, by the commit that brought it; `date` is its author's (ISO)."""

    id: str
    path: str
    date: str

    @property
    def identity(self) -> str:
        return f"{self.id[:_SHORT]} {self.path}"


Place = FileSpan | DbObject | Commit


@dataclass(frozen=True, slots=True)
class Proof:
    """A transcript that a reviewer can run, what it showed, and what a sound backend would have shown."""

    script: str
    seen: str
    expected: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One row: the state of one subject under one rule.

    `where` is the place as the rule names it, `span` the lines of a file that it was traced to.
    `severity` and `confidence` override the page's where given. `evidence` is the normalised fault that the
    fingerprint is made of: no line numbers and no secret; `aliases` are other names of it. `history` are the
    statements (text, place) that made the object of a database what it is, in order. Of one rule's findings of one
    severity, those of the smallest `order` are shown first. `site` is set while what several files say of one place is
    still to be put together: where it begins and ends, and whether another file says it.
    """

    subject: str
    state: State
    detail: str = ""
    where: Place | None = None
    span: FileSpan | None = None
    severity: Severity | None = None
    confidence: Confidence | None = None
    proof: Proof | None = None
    evidence: str = ""
    aliases: tuple[str, ...] = ()
    unit: str = "."
    database: str | None = None
    sources: tuple[str, ...] = ()
    order: int = 0
    site: tuple[int, int, bool] | None = None
    history: tuple[tuple[str, FileSpan], ...] = ()


class Presence(StrEnum):
    """Whether a control stands before an endpoint; UNRESOLVED: a name could not be followed."""

    PRESENT = "present"
    ABSENT = "absent"
    UNRESOLVED = "unresolved"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Control:
    """`shows` says what was seen, or which name could not be followed."""

    presence: Presence
    shows: str = ""


@dataclass(frozen=True, slots=True)
class RuleAnswers:
    """Everything that one rule answered.

    `unavailable` is the reason why it could not be asked, `not_applicable` why there is nothing to ask about.
    """

    rule: str
    answers: Sequence[Answer] = ()
    unavailable: str | None = None
    not_applicable: str | None = None
    asked: bool = True
