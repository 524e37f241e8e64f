"""The one straight line: target, evidence, answers, verdicts, score, report."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import __version__, report_builder, report_tables, suppress
from auditor.batches import Keeping, ask_batches, batch_sources
from auditor.code_lane import CodeLane
from auditor.config import Config
from auditor.facts.helper_names import Helpers
from auditor.gate import GateSettings, decide
from auditor.inquiry import choose, isolation_in_code, left_out
from auditor.judge import judge_all, judge_rule
from auditor.lanes import refuse_emptiness, sources
from auditor.overrides import overridden, overridden_book
from auditor.plan import Evidence
from auditor.report import Report, Tool, Unit
from auditor.report import Target as ReportTarget
from auditor.sources.contract import read_contract
from auditor.sources.git import refs_id
from auditor.sources.store import Store
from auditor.sources.tool import files_id, server_id, tool_id
from auditor.sources.vex_files import read_statements
from auditor.weigh import SCORING_VERSION, weigh

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.facts.access_contract import Contract
    from auditor.model import RuleAnswers, Target
    from auditor.plan import Source
    from auditor.rulebook import Page, Rulebook
    from auditor.sources.repository import Repository


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that a scan is asked to do; `jobs` processes may work on the code."""

    target: Target
    config: Config = field(default_factory=Config)
    only: tuple[str, ...] = ()
    gate: GateSettings = field(default_factory=GateSettings)
    jobs: int = 1
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
    given: Mapping[str, Source] = field(default_factory=dict)  # sources that are read another way


def _sources(request: Request, asked: list[Page], store: Store) -> dict[str, Source]:
    target, settings = request.target, request.config.settings
    contract = read_contract(target.root, settings.access_contract)
    helpers = Helpers(
        settings.auth_helpers, settings.limit_helpers, settings.validation_helpers, tuple(settings.base_paths.items())
    )
    keeping = Keeping(store, _rests_on(request, helpers, contract)) if store.usable else None
    on_code = keeping.rests_on["code"] if keeping else None
    lane = CodeLane(target, request.jobs, settings.public_endpoints, helpers, store if keeping else None, on_code)
    table = sources(target, asked, settings.public_endpoints, contract, helpers, lane.store) | lane.sources()
    return table | dict(request.given) | batch_sources(asked, lane.ask, lane.ask_history, keeping)


def _rests_on(request: Request, helpers: Helpers, contract: Contract | None) -> dict[str, Any]:
    """What the answers of each batch rest on besides the files. What a live server or a service says is not kept."""
    target, tool = request.target, tool_id()
    on_code = [tool, request.config.settings.public_endpoints, astuple(helpers)]
    found: dict[str, Any] = {"code": on_code, "texts": [tool]}
    if not target.database and "databases" not in request.given:
        replay = [server_id(target.pg_bin), target.shadow, target.grants, target.all_migrations, target.timeout]
        found["database"] = [tool, replay, repr(contract)]
    if refs := refs_id(target.root):
        found["history"] = [tool, refs, target.history_seconds, target.include, target.exclude]
    if target.offline:
        lists = [files_id(target.advisories), files_id(target.imported_audits), target.require_complete]
        lists += [target.max_advisory_age, target.denied_licences]
        found["packages"] = [tool, lists, f"{datetime.now(UTC):%Y-%m-%d %H}"]
    return found


def audit(
    request: Request, book: Rulebook, progress: Callable[[str], None] = lambda _: None
) -> tuple[Report, Repository]:
    """Audit one target. Raises UsageError and NothingToScan; everything else that goes wrong is in the report."""
    pages = choose(book, request.only) - left_out(request.target)
    chosen = [page for page in book.pages if page.id in pages]
    with Store(request.target.cache) as store, Evidence(_sources(request, chosen, store), progress) as evidence:
        evidence.start(("repository",))
        repository: Repository = evidence.get("repository")
        refuse_emptiness(repository, request.target)
        found = ask_batches(book, chosen, evidence)
        notes = evidence.notes()
    asked, book = overridden(found.answers, book, request.config), overridden_book(book, request.config)
    accepted, complaints = _suppressed(request, book, asked, repository)
    rules = [judge_rule(page, asked[page.id], accepted) for page in book.pages if page.id in asked]
    judged = judge_all(book, rules, isolation_in_code=isolation_in_code(asked))
    findings = report_builder.build_findings(rules, accepted, repository.text)
    findings += report_builder.complaint_findings(complaints, book)
    controls = report_builder.build_controls(judged, book)
    score = weigh(judged, partial_scan=bool(request.only))
    report = Report(
        scoring_version=SCORING_VERSION,
        tool=Tool(version=__version__),
        target=ReportTarget(
            prefix=repository.git_prefix.removeprefix("./").rstrip("/"),
            commit=repository.commit,
            units=[Unit(path=unit.path, stack=list(unit.stack)) for unit in repository.units],
        ),
        gate=decide(request.gate, findings, controls, score),
        evidence=notes,
        score=score,
        controls=controls,
        rules=report_builder.build_rules(rules),
        findings=findings,
        not_checked=report_builder.build_not_checked(rules, judged),
        endpoints=report_tables.build_endpoints(found.endpoints),
        access=report_tables.build_access(found.access),
        access_setup=report_tables.build_setups(found.setups),
    )
    return report, repository


def _suppressed(
    request: Request, book: Rulebook, asked: dict[str, RuleAnswers], repository: Repository
) -> tuple[dict[int, str], list[suppress.Complaint]]:
    waivers = suppress.collect(request.config, repository)
    for file in request.target.vex:
        waivers += suppress.from_vex(read_statements(file), asked, Path(file).name)
    return suppress.apply(book, asked, waivers, request.today)
