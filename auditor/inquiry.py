"""Asks the chosen rules of the evidence that they need; what could not be had makes a rule unknown, with the reason."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.detectors.ask import ask_files, ask_rule
from auditor.detectors.confirm import confirm
from auditor.listed import AccessRow, AccessSetup
from auditor.model import (
    Answer,
    FileSpan,
    Isolated,
    Kind,
    NotApplicable,
    Proof,
    RuleAnswers,
    State,
    Unavailable,
    UsageError,
)
from auditor.plan import ALSO, needs
from auditor.sources.matrix import cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditor.database_lanes import Databases
    from auditor.listed import EndpointRow
    from auditor.model import Target
    from auditor.plan import Evidence
    from auditor.rulebook import Page, Rulebook
    from auditor.sources.probes import Probed

_NO_API = "no API role exists: isolation rests on application code alone"
_NO_TABLE = "no API role can reach a table of the schemas that the API serves"
_BESIDE = (
    "the code uses Supabase, whose API roles reach every table of its database, and whether these tables lie there is"
    " not written down; --database audits the server"
)
_EXPOSURE = {"rls-on-all-tables", "tenant-isolation"}
_ROLES = {*_EXPOSURE, "object-ownership", "least-privilege-database"}  # what they ask is what an API role may do


def choose(book: Rulebook, only: tuple[str, ...]) -> set[str]:
    """The rules that `--only` names by kind, control or id; all without it. Raises UsageError on an unknown name."""
    if not only:
        return {page.id for page in book.pages}
    chosen: set[str] = set()
    for name in only:
        page = book.page(name)
        found = {p.id for p in book.pages if name in {p.kind.value, p.control, *p.equivalents}}
        found |= {page.id} if page else set()
        if not found:
            known = sorted({n for p in book.pages for n in (p.id, p.control, p.kind.value)})
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            raise UsageError(f"--only: no rule, control or kind is named '{name}'{hint}")
        chosen |= found
    return chosen


def left_out(target: Target) -> set[str]:
    """The rules on git's history, where it was given no time."""
    return {rule for rule, sources in ALSO.items() if "git history" in sources and not target.history_seconds}


def ask_files_of(page: Page, evidence: Evidence) -> RuleAnswers:
    """The answers of one rule on files."""
    try:
        found = ask_files(page, *(evidence.get(need) for need in needs(page)))
        if page.kind is Kind.CODE and not found.answers:
            return _unless_unread(found, evidence)
        return _with_unlisted(found, evidence) if page.kind is Kind.ROUTE else found
    except Unavailable as reason:
        return RuleAnswers(page.id, unavailable=str(reason))
    except NotApplicable as reason:
        return RuleAnswers(page.id, not_applicable=str(reason))


def joined(parts: Sequence[RuleAnswers]) -> RuleAnswers:
    """What one rule said of portions of its subjects; what all of them say stands there once."""
    if len(parts) == 1:
        return parts[0]
    lost = next((part for part in parts if part.unavailable), None)
    answers = dict.fromkeys(answer for part in parts for answer in part.answers)
    applied = answers or any(part.not_applicable is None for part in parts)
    return lost or (replace(parts[0], answers=list(answers), not_applicable=None) if applied else parts[0])


def with_unread_languages(answers: Mapping[str, RuleAnswers], evidence: Evidence) -> dict[str, RuleAnswers]:
    """The answers of rules on code, where those that found nothing may have been unable to read the server."""
    return {rule: found if found.answers else _unless_unread(found, evidence) for rule, found in answers.items()}


def _unless_unread(found: RuleAnswers, evidence: Evidence) -> RuleAnswers:
    """That nothing was found in the code says little where the server is written in a language that is not read."""
    unread: dict[str, str] = evidence.get("unread languages")
    if not unread or found.unavailable:
        return found
    listed = ", ".join(f"{label} ({path})" for path, label in unread.items())
    return RuleAnswers(found.rule, unavailable=f"the server's language is not read: {listed}")


def _with_unlisted(found: RuleAnswers, evidence: Evidence) -> RuleAnswers:
    """A server that no reader knows has endpoints, too: nothing is known of them."""
    servers: dict[str, str] = evidence.get("endpoints").unlisted
    rows = [_unlisted(path, label) for path, label in servers.items()]
    if not rows or found.unavailable:
        return found
    return replace(found, answers=[*found.answers, *rows], not_applicable=None)


def _unlisted(path: str, label: str) -> Answer:
    place = FileSpan(path, 1)
    detail = f"the endpoints of its {label} server are not listed"
    return Answer(f"server {path}", State.UNKNOWN, detail, place, span=place, sources=("repository",))


def ask_database_rules(pages: Iterable[Page], evidence: Evidence) -> dict[str, RuleAnswers]:
    """The answers of the rules on databases; those that acting on rows confirms or refutes are brought up to that."""
    evidence.start(dict.fromkeys(need for page in pages for need in needs(page)))
    return _confirmed({page.id: _ask_databases(page, evidence) for page in pages}, evidence)


def _ask_databases(page: Page, evidence: Evidence) -> RuleAnswers:
    try:
        databases: Databases = evidence.get("databases")
        probed: dict[str, Probed] = evidence.get("probes") if page.kind is Kind.PROBE else {}
    except (Unavailable, NotApplicable) as reason:
        return _without_database(page, reason)
    found = ask_rule(page, databases.databases, probed)
    if databases.failed and not found.unavailable:
        lost = [Answer(f"database {n}", State.UNKNOWN, reason, database=n) for n, reason in databases.failed.items()]
        return RuleAnswers(page.id, [*found.answers, *lost])
    if not found.answers and page.control in _EXPOSURE:
        return _unexposed(found, databases, evidence)
    return found


def _unexposed(found: RuleAnswers, databases: Databases, evidence: Evidence) -> RuleAnswers:
    """Nothing was asked about what API roles reach: there is nothing, or it is somewhere else."""
    if any(database.api_roles for database in databases.databases):
        return replace(found, not_applicable=_NO_TABLE)
    beside = any("Supabase" in unit.stack for unit in evidence.get("repository").units)
    live = any(database.source == "live" for database in databases.databases)
    if beside and not live and not found.unavailable:
        return replace(found, unavailable=_BESIDE)
    return replace(found, not_applicable=_NO_API)


def _without_database(page: Page, reason: Unavailable | NotApplicable) -> RuleAnswers:
    """What an API role may do need not be asked where it is known that there is none."""
    if isinstance(reason, NotApplicable):
        return RuleAnswers(page.id, not_applicable=str(reason))
    if isinstance(reason, Isolated) and page.control in _ROLES:
        return RuleAnswers(page.id, not_applicable=_NO_API)
    return RuleAnswers(page.id, unavailable=str(reason))


def _confirmed(asked: dict[str, RuleAnswers], evidence: Evidence) -> dict[str, RuleAnswers]:
    """What was suspected of the policies, brought up to what acting on rows has shown."""
    if not evidence.started("probes"):
        return asked
    try:
        return confirm(asked, evidence.get("probes"))
    except (Unavailable, NotApplicable):
        return asked


def isolation_in_code(asked: Mapping[str, RuleAnswers]) -> bool:
    """Whether the databases were seen and have no API role: then the application alone keeps tenants apart."""
    return any(item.not_applicable == _NO_API for item in asked.values())


def served_endpoints(evidence: Evidence) -> list[EndpointRow]:
    """What the API serves of the databases; none where no rule asked for them."""
    if not evidence.started("databases"):
        return []
    from auditor.data_api import data_api_rows

    try:
        databases: Databases = evidence.get("databases")
    except (Unavailable, NotApplicable):
        return []
    return data_api_rows(databases.databases, _probed(evidence))


def access_rows(evidence: Evidence) -> list[AccessRow]:
    """The access matrix, as far as the probes went; none where no rule asked for them."""
    probed = _probed(evidence)
    units = _units(evidence) if probed else {}
    return [
        AccessRow(
            database=name,
            unit=units[name],
            object=cell.object,
            caller=cell.caller,
            command=cell.command,
            state=cell.state,
            proof=Proof(cell.script, cell.seen, "") if cell.script else None,
            steps=cell.steps,
        )
        for name, part in probed.items()
        for cell in cells(part)
    ]


def access_setups(evidence: Evidence) -> list[AccessSetup]:
    """What the transcripts of the matrix begin with, for each database that was probed."""
    probed = _probed(evidence)
    units = _units(evidence) if probed else {}
    return [AccessSetup(name, units[name], part.setup.rows, part.setup.callers) for name, part in probed.items()]


def _probed(evidence: Evidence) -> dict[str, Probed]:
    """What acting on rows has shown, as far as it was asked for."""
    try:
        found: dict[str, Probed] = evidence.get("probes") if evidence.started("probes") else {}
    except (Unavailable, NotApplicable):
        return {}
    return found


def _units(evidence: Evidence) -> dict[str, str]:
    databases: Databases = evidence.get("databases")
    return {database.name: database.unit for database in databases.databases}
