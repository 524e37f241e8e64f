"""Severities and weights that the settings choose, for a rule everywhere or below some paths. Pure."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.frameworks import names as framework_names
from auditor.model import State, UsageError
from auditor.sources.globs import chosen_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from auditor.config import Config, Scope
    from auditor.model import Answer, RuleAnswers, Severity
    from auditor.rulebook import Rulebook


def check_names(config: Config, book: Rulebook) -> None:
    """Raise UsageError for a rule or control that the settings name and that does not exist, or a glob of no use."""
    settings = config.settings
    controls = {control.id for control in book.controls}
    rules = {name for page in book.pages for name in (page.id, *page.formerly, *page.equivalents)}
    kinds = {page.kind.value for page in book.pages}
    wanted: list[tuple[str, Iterable[str], set[str], str]] = [
        ("allow-unknown", settings.allow_unknown, {"all", *controls}, "control"),
        ("require", settings.require, controls, "control"),
        ("weight", settings.weight, controls, "control"),
        ("severity", settings.severity, rules, "rule"),
        ("frameworks", settings.frameworks, set(framework_names()) if settings.frameworks else set(), "framework"),
    ]
    wanted += [(f"scope.{n}", s.rules, rules | controls | kinds, "rule") for n, s in enumerate(settings.scope)]
    for key, names, known, what in wanted:
        for name in names:
            if name not in known:
                raise UsageError(f"{config.place(key)}: '{key}': {unknown_name(what, name, known)}")
    for scope in settings.scope:
        chosen_spec(scope.paths, "scope.paths")


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"no {what} is named '{name}'" + (f"; did you mean '{close[0]}'?" if close else "")


def overridden_book(book: Rulebook, config: Config) -> Rulebook:
    """The rule book with the severities and weights of the settings."""
    settings = config.settings
    chosen = {page.id: severity for name, severity in settings.severity.items() if (page := book.page(name))}
    return replace(
        book,
        pages=tuple(replace(page, severity=chosen.get(page.id, page.severity)) for page in book.pages),
        controls=tuple(replace(c, weight=settings.weight.get(c.id, c.weight)) for c in book.controls),
    )


def overridden(asked: Mapping[str, RuleAnswers], book: Rulebook, config: Config) -> dict[str, RuleAnswers]:
    """The answers with these severities: one that a row has of its own gives way, too."""
    settings = config.settings
    if not settings.severity and not settings.scope:
        return dict(asked)
    flat = {page.id: severity for name, severity in settings.severity.items() if (page := book.page(name))}
    scopes = [
        (_names(scope, book), chosen_spec(scope.paths, "scope.paths").match_file, scope) for scope in settings.scope
    ]
    return {rule: _with(found, flat.get(rule), scopes) for rule, found in asked.items()}


def _names(scope: Scope, book: Rulebook) -> frozenset[str]:
    named = [page for name in scope.rules if (page := book.page(name))]
    grouped = [page for page in book.pages if not scope.rules or {page.control, page.kind.value} & set(scope.rules)]
    return frozenset(page.id for page in (*named, *grouped))


def _with(
    found: RuleAnswers, flat: Severity | None, scopes: Sequence[tuple[frozenset[str], Callable[[str], bool], Scope]]
) -> RuleAnswers:
    chosen = [(matches, scope.severity) for rules, matches, scope in scopes if found.rule in rules]
    if flat is None and not chosen:
        return found
    return replace(found, answers=[_one(answer, flat, chosen) for answer in found.answers])


def _one(answer: Answer, flat: Severity | None, chosen: list[tuple[Callable[[str], bool], Severity]]) -> Answer:
    if answer.state is not State.FAIL:
        return answer
    here = [severity for matches, severity in chosen if answer.span and matches(answer.span.path)]
    severity = here[-1] if here else flat
    return replace(answer, severity=severity) if severity else answer
