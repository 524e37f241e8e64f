"""The one straight line: target, evidence, answers, verdicts, score, report."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import __version__, report_builder, suppress
from auditor.config import Config
from auditor.facts.helper_names import Helpers
from auditor.gate import GateSettings, decide
from auditor.inquiry import access_rows, access_setups, ask_all, choose, isolation_in_code, left_out, listed_endpoints
from auditor.judge import judge_all, judge_rule
from auditor.lanes import refuse_emptiness, sources
from auditor.overrides import overridden, overridden_book
from auditor.plan import Evidence
from auditor.report import Report, Tool, Unit
from auditor.report import Target as ReportTarget
from auditor.sources.contract import read_contract
from auditor.sources.vex_files import read_statements
from auditor.weigh import SCORING_VERSION, weigh

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.model import RuleAnswers, Target
    from auditor.plan import Source
    from auditor.rulebook import Rulebook
    from auditor.sources.repository import Repository


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that a scan is asked to do."""

    target: Target
    config: Config = field(default_factory=Config)
    only: tuple[str, ...] = ()
    gate: GateSettings = field(default_factory=GateSettings)
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
    given: Mapping[str, Source] = field(default_factory=dict)  # sources that are read another way


def _sources(request: Request, book: Rulebook, pages: set[str]) -> dict[str, Source]:
    asked = [page for page in book.pages if page.id in pages]
    contract = read_contract(request.target.root, request.config.settings.access_contract)
    settings = request.config.settings
    helpers = Helpers(
        settings.auth_helpers, settings.limit_helpers, settings.validation_helpers, tuple(settings.base_paths.items())
    )
    table = sources(request.target, asked, settings.public_endpoints, contract, helpers)
    return table | dict(request.given)


def audit(
    request: Request, book: Rulebook, progress: Callable[[str], None] = lambda _: None
) -> tuple[Report, Repository]:
    """Audit one target. Raises UsageError and NothingToScan; everything else that goes wrong is in the report."""
    pages = choose(book, request.only) - left_out(request.target)
    with Evidence(_sources(request, book, pages), progress) as evidence:
        evidence.start(("repository",))
        repository: Repository = evidence.get("repository")
        refuse_emptiness(repository, request.target)
        asked = ask_all(book, pages, evidence)
        access, setups = access_rows(evidence), access_setups(evidence)
        endpoints = listed_endpoints(evidence)
        notes = evidence.notes()
    asked, book = overridden(asked, book, request.config), overridden_book(book, request.config)
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
        endpoints=report_builder.build_endpoints(endpoints),
        access=report_builder.build_access(access),
        access_setup=report_builder.build_setups(setups),
    )
    return report, repository


def _suppressed(
    request: Request, book: Rulebook, asked: dict[str, RuleAnswers], repository: Repository
) -> tuple[dict[int, str], list[suppress.Complaint]]:
    waivers = suppress.collect(request.config, repository)
    for file in request.target.vex:
        waivers += suppress.from_vex(read_statements(file), asked, Path(file).name)
    return suppress.apply(book, asked, waivers, request.today)
