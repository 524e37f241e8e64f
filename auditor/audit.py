"""The one straight line: target, evidence, answers, verdicts, score, report."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import __version__, report_builder, suppress
from auditor.batches import Keeping, ask_batches, batch_sources
from auditor.code_lane import CodeLane
from auditor.config import FILE_NAME, Settings
from auditor.facts.helper_names import Helpers
from auditor.gate import GateSettings, decide
from auditor.inquiry import choose, isolation_in_code
from auditor.judge import judge_all, judge_rule
from auditor.lanes import refuse_emptiness, sources
from auditor.plan import Evidence
from auditor.report import Report, Tool, Unit
from auditor.report import Target as ReportTarget
from auditor.sources.contract import read_contract
from auditor.sources.store import Store
from auditor.sources.tool import files_id, server_id, tool_id
from auditor.sources.vex_files import read_statements
from auditor.weigh import SCORING_VERSION, weigh

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.facts.access_contract import Contract
    from auditor.model import RuleAnswers, Target
    from auditor.plan import Source
    from auditor.rulebook import Page, Rulebook
    from auditor.sources.repository import Repository


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that a scan is asked to do; `jobs` processes may work on the code, `cache` is the folder of what
    earlier scans worked out.
    """

    target: Target
    settings: Settings = field(default_factory=Settings)
    only: tuple[str, ...] = ()
    gate: GateSettings = field(default_factory=GateSettings)
    jobs: int = 1
    cache: Path | None = None
    today: date = field(default_factory=lambda: datetime.now(UTC).date())


def _sources(request: Request, asked: list[Page], store: Store) -> dict[str, Source]:
    contract = read_contract(request.target.root, request.settings.access_contract)
    settings, target = request.settings, request.target
    helpers = Helpers(settings.auth_helpers, settings.limit_helpers, settings.validation_helpers)
    keeping = Keeping(store, _rests_on(request, contract)) if store.usable else None
    on_code = [tool_id(), settings.public_endpoints, astuple(helpers)] if keeping else None
    lane = CodeLane(request.jobs, settings.public_endpoints, helpers, store if keeping else None, on_code)
    table = sources(target, asked, settings.public_endpoints, contract, helpers) | lane.sources()
    return table | batch_sources(asked, lane.ask, keeping)


def _rests_on(request: Request, contract: Contract | None) -> dict[str, Any]:
    """What the answers of each batch rest on besides the files. What a live server or a service says is not kept."""
    target, settings, tool = request.target, request.settings, tool_id()
    helpers = [settings.auth_helpers, settings.limit_helpers, settings.validation_helpers]
    found: dict[str, Any] = {"code": [tool, settings.public_endpoints, helpers], "engine": [tool], "texts": [tool]}
    if not target.database:
        replay = [server_id(target.pg_bin), target.shadow, target.grants, target.all_migrations, target.timeout]
        found["database"] = [tool, replay, repr(contract)]
    if target.offline:
        lists = [files_id(target.advisories), files_id(target.imported_audits), target.require_complete]
        found["packages"] = [tool, lists, target.max_advisory_age, f"{datetime.now(UTC):%Y-%m-%d %H}"]
    return found


def audit(
    request: Request, book: Rulebook, progress: Callable[[str], None] = lambda _: None
) -> tuple[Report, Repository]:
    """Audit one target. Raises UsageError and NothingToScan; everything else that goes wrong is in the report."""
    pages = choose(book, request.only)
    chosen = [page for page in book.pages if page.id in pages]
    with Store(request.cache) as store, Evidence(_sources(request, chosen, store), progress) as evidence:
        evidence.start(("repository",))
        repository: Repository = evidence.get("repository")
        refuse_emptiness(repository, request.target)
        found = ask_batches(book, chosen, evidence)
        notes = evidence.notes()
    asked = found.answers
    accepted, complaints = _suppressed(request, book, asked, repository)
    rules = [judge_rule(page, asked[page.id], accepted) for page in book.pages if page.id in asked]
    judged = judge_all(book, rules, isolation_in_code=isolation_in_code(asked))
    findings = report_builder.build_findings(rules, accepted, repository.text)
    findings += report_builder.complaint_findings(complaints, book)
    report = Report(
        scoring_version=SCORING_VERSION,
        tool=Tool(version=__version__),
        target=ReportTarget(
            commit=repository.commit,
            units=[Unit(path=unit.path, stack=list(unit.stack)) for unit in repository.units],
        ),
        gate=decide(request.gate, findings, judged),
        evidence=notes,
        score=weigh(judged, partial_scan=bool(request.only)),
        controls=report_builder.build_controls(judged, book),
        rules=report_builder.build_rules(rules),
        findings=findings,
        not_checked=report_builder.build_not_checked(rules, judged),
        endpoints=report_builder.build_endpoints(found.endpoints),
        access=report_builder.build_access(found.access),
    )
    return report, repository


def _suppressed(
    request: Request, book: Rulebook, asked: dict[str, RuleAnswers], repository: Repository
) -> tuple[dict[int, str], list[suppress.Complaint]]:
    waivers = suppress.from_settings(request.settings.ignore, FILE_NAME)
    for path in repository.files:
        if suppress.may_hold_notes(path):
            waivers += suppress.from_text(path, repository.text(path) or "")
    for file in request.target.vex:
        waivers += suppress.from_vex(read_statements(file), asked, Path(file).name)
    return suppress.apply(book, asked, waivers, request.today)
