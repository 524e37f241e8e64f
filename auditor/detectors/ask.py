"""Puts a rule to every database: finds its detector by name, runs it, and traces each answer to a file."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from auditor.detectors import semgrep_answers
from auditor.facts.units import unit_of
from auditor.model import (
    Answer,
    Confidence,
    DbObject,
    FileSpan,
    Kind,
    NotApplicable,
    Proof,
    RuleAnswers,
    Severity,
    State,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from auditor.detectors.code_sites import Followed
    from auditor.facts.semgrep_output import Semgrep
    from auditor.model import Place
    from auditor.rulebook import Page
    from auditor.sources.code import Code
    from auditor.sources.database import Database, Doubt
    from auditor.sources.probes import Probed
    from auditor.sources.repository import Repository


_INDEXES = "indexes"  # the tag of rules whose answer an index changes
_MAX_HISTORY = 12  # statements: the first and the last ones
_MAX_STATEMENT = 100  # characters


class Detector(Protocol):
    """A module of `auditor.detectors.<kind>`.

    Rules on databases are given the database (those of kind probe what was probed, too), rules on files the repository.
    """

    def ask(self, evidence: Any, *more: Any) -> Iterable[Answer]: ...  # noqa: ANN401 - each kind has its own evidence


def find_detector(page: Page) -> Detector:
    """The Python detector of a page; raises ModuleNotFoundError when there is none."""
    return cast("Detector", importlib.import_module(f"auditor.detectors.{page.kind}.{page.detector_stem}"))


def ask_rule(page: Page, databases: Sequence[Database], probed: Mapping[str, Probed]) -> RuleAnswers:
    """All answers of one rule about databases."""
    return _guarded(page, lambda: merge_live([a for d in databases for a in ask_database(page, d, probed.get(d.name))]))


def ask_files(page: Page, repository: Repository, *more: object) -> RuleAnswers:
    """All answers of one rule about the repository's files; `more` is further evidence that its kind is given."""
    return _guarded(page, lambda: [placed(answer, repository) for answer in _ask_files(page, repository, *more)])


def _ask_files(page: Page, repository: Repository, *more: Any) -> Iterable[Answer]:  # noqa: ANN401 - as in Detector
    return semgrep_answers.ask(page, *more) if page.yaml else find_detector(page).ask(repository, *more)


def ask_engine(
    page: Page, repository: Repository, code: Code, semgrep: Semgrep, followed: Sequence[Followed]
) -> RuleAnswers:
    """The answers of a page that semgrep is asked for, where request data was followed already."""
    return _guarded(
        page, lambda: [placed(answer, repository) for answer in semgrep_answers.ask(page, code, semgrep, followed)]
    )


def ask_detector(page: Page, repository: Repository, *more: object) -> tuple[list[Answer], str | None]:
    """What one rule says, and why where it could not be asked."""
    found = ask_files(page, repository, *more)
    return list(found.answers), found.unavailable


def _guarded(page: Page, ask: Callable[[], list[Answer]]) -> RuleAnswers:
    """A detector that crashes makes the rule unknown, with the reason."""
    try:
        return RuleAnswers(page.id, ask())
    except NotApplicable as reason:
        return RuleAnswers(page.id, not_applicable=str(reason))
    except Unavailable as reason:
        return RuleAnswers(page.id, unavailable=str(reason))
    except Exception as error:  # noqa: BLE001 - a crash must not end the scan, and becomes *unknown* here
        reason_text = str(error).splitlines()[0] if str(error) else ""
        return RuleAnswers(page.id, unavailable=f"the rule could not be asked: {type(error).__name__}: {reason_text}")


def placed(answer: Answer, repository: Repository) -> Answer:
    """An answer about a file with the package that the file belongs to, and its place."""
    span = answer.where if isinstance(answer.where, FileSpan) else None
    unit = unit_of(span.path, repository.units) if span else answer.unit
    return replace(answer, unit=unit, span=span, sources=("repository",))


def ask_database(page: Page, database: Database, probed: Probed | None = None) -> Iterator[Answer]:
    """The answers of one rule about one database; a probe rule has none about one that was not probed."""
    for answer in _ask(page, database, probed):
        place = answer.where
        span = answer.span or _span(place, database)
        full = replace(answer, unit=database.unit, database=database.name, sources=(database.source,), span=span)
        yield _doubted(replace(full, history=_history(full, database)), page, database)


def _span(place: Place | None, database: Database) -> FileSpan | None:
    return place if isinstance(place, FileSpan) else database.locate(place) if isinstance(place, DbObject) else None


def _history(answer: Answer, database: Database) -> tuple[tuple[str, FileSpan], ...]:
    """For a fault on a relation: the statements that it went through."""
    place = answer.where
    if answer.state is not State.FAIL or not isinstance(place, DbObject) or database.provenance is None:
        return ()
    found = database.provenance.history(place.relation or place.identity)
    listed = found if len(found) <= _MAX_HISTORY else [found[0], *found[1 - _MAX_HISTORY :]]
    return tuple((_shortened(s.text), FileSpan(s.path, s.line, s.end_line)) for s in listed)


def _shortened(statement: str) -> str:
    """On one line; where it is cut, that shows."""
    text = " ".join(statement.split())
    return text if len(text) <= _MAX_STATEMENT else f"{text[:_MAX_STATEMENT].rstrip()} …"


def _ask(page: Page, database: Database, probed: Probed | None) -> Iterable[Answer]:
    if page.kind is Kind.PROBE:
        return find_detector(page).ask(database, probed) if probed else ()
    return _ask_query(page, database) if page.sql else find_detector(page).ask(database)


def _ask_query(page: Page, database: Database) -> Iterator[Answer]:
    assert page.sql
    for row in database.select(page.sql.read_text("utf-8")):
        yield _answer(row)


def _answer(row: dict[str, Any]) -> Answer:
    """A row of a catalog query: kind, identity, state, and what else the query says of the subject."""
    place = DbObject(
        kind=row["kind"],
        identity=row["identity"],
        classid=int(row.get("classid") or 0),
        objid=int(row.get("objid") or 0),
        column=row.get("column"),
        aspect=row.get("aspect") or "definition",
        relation=row.get("relation") or "",
    )
    return Answer(
        subject=place.subject,
        state=State(row["state"]),
        detail=row.get("detail") or "",
        where=place,
        severity=Severity(row["severity"]) if row.get("severity") else None,
        confidence=Confidence(row["confidence"]) if row.get("confidence") else None,
        proof=cast("Proof | None", row.get("proof")),
        evidence=row.get("evidence") or "",
    )


def _doubted(answer: Answer, page: Page, database: Database) -> Answer:
    """Unknown instead of a verdict, where a statement that failed would have changed what was asked about."""
    if not database.uncertain or not isinstance(answer.where, DbObject):
        return answer
    relation = (answer.where.relation or answer.where.identity).replace('"', "")
    doubt = database.uncertain.get(relation) or database.uncertain.get("*")
    if doubt is None or not _concerns(doubt, page) or answer.confidence is Confidence.PROVED:
        return answer
    return replace(answer, state=State.UNKNOWN, detail=doubt.reason, proof=None)


def _concerns(doubt: Doubt, page: Page) -> bool:
    if doubt.only == "indexes":
        return _INDEXES in page.tags
    return doubt.only != "probes" or page.kind is Kind.PROBE


def merge_live(answers: list[Answer]) -> list[Answer]:
    """One subject, one row: a live answer wins, and takes its file and line from the shadow's."""
    live = {answer.subject: answer for answer in answers if answer.sources == ("live",)}
    if not live:
        return answers
    merged = [_joined(answer, live.get(answer.subject)) for answer in answers if answer.sources != ("live",)]
    known = {answer.subject for answer in merged}
    return merged + [answer for subject, answer in live.items() if subject not in known]


def _joined(shadow: Answer, live: Answer | None) -> Answer:
    if live is None:
        detail = "drift: the migrations make it, the live database does not have it"
        return replace(shadow, state=State.UNKNOWN, detail=detail, proof=None)
    drift = ""
    if State.UNKNOWN not in {live.state, shadow.state} and live.state is not shadow.state:
        drift = f" (drift: the migrations alone would make this {shadow.state})"
    sources = ("live", "shadow")
    return replace(
        live,
        span=shadow.span,
        detail=live.detail + drift,
        sources=sources,
        unit=shadow.unit,
        database=shadow.database,
    )
