"""What semgrep answered, page by page: matches at the paths of the repository, and what it could not look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.facts.semgrep_rules import SemgrepRule

_Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Match:
    """One match: (line, column) pairs count from 1, the end is exclusive."""

    rule: SemgrepRule
    path: str
    start: _Point
    end: _Point

    def holds(self, other: Match) -> bool:
        return self.path == other.path and self.start <= other.start and other.end <= self.end


@dataclass(slots=True)
class PageMatches:
    """What one page's rules matched in its candidate files; `broken` says why its rules could not be used."""

    files: tuple[str, ...] = ()
    rules: tuple[SemgrepRule, ...] = ()
    has_subjects: bool = False
    subjects: list[Match] = field(default_factory=list)
    faults: list[Match] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    broken: str | None = None


@dataclass(slots=True)
class Semgrep:
    """One run of the engine; version is empty where no file was a candidate and nothing was started."""

    pages: dict[str, PageMatches]
    files: int = 0
    version: str = ""
    seconds: float = 0.0
    engine: str = ""  # how it was asked: its core directly, or its command line


@dataclass(frozen=True, slots=True)
class Scope:
    """What the engine was given: rules and paths by the names that it knows, texts by path."""

    rules: Mapping[str, SemgrepRule]
    targets: Mapping[str, str]
    texts: Mapping[str, str]


def read_output(output: Mapping[str, Any], scope: Scope, pages: dict[str, PageMatches]) -> None:
    """Sort the engine's answer into `pages`."""
    for item in output["results"]:
        rule = scope.rules.get(_last(item["check_id"]))
        path = _path(item["path"], scope)
        if rule and path:
            match = Match(rule, path, _point(item["start"]), _point(item["end"]))
            (pages[rule.page].subjects if rule.is_subject else pages[rule.page].faults).append(match)
    scanned = {_path(name, scope) for name in output["paths"]["scanned"]}
    for path in sorted(set(scope.targets.values()) - scanned):
        _unread(pages.values(), path, "semgrep did not look at it")
    for error in output["errors"]:
        _error(error, scope, pages)


def _error(error: Mapping[str, Any], scope: Scope, pages: Mapping[str, PageMatches]) -> None:
    rule = scope.rules.get(_last(error.get("rule_id") or ""))
    path = _path(error.get("path") or "", scope)
    kind = error["type"][0] if isinstance(error["type"], list) else error["type"]
    if path is None:
        if rule:
            pages[rule.page].broken = f"semgrep refuses the rule {rule.id}: {_line(error)}"
        return
    if kind == "PartialParsing":
        _partly_parsed(error, path, scope, pages)
    else:
        concerned = [pages[rule.page]] if rule else pages.values()
        _unread(concerned, path, f"semgrep gave up on it: {kind}")


def _partly_parsed(error: Mapping[str, Any], path: str, scope: Scope, pages: Mapping[str, PageMatches]) -> None:
    """Lines that semgrep could not read matter to a page only where they hold what its rules look for."""
    lines = scope.texts[path].split("\n")
    for span in error.get("spans") or ():
        first, last = span["start"]["line"], span["end"]["line"]
        skipped = "\n".join(lines[first - 1 : last])
        for rule in scope.rules.values():
            if rule.words and rule.words[0].search(skipped):
                _unread([pages[rule.page]], path, f"semgrep cannot parse lines {first} to {last}")


def _unread(concerned: Any, path: str, reason: str) -> None:  # noqa: ANN401 - any iterable of pages
    for page in concerned:
        if path in page.files:
            page.unread.setdefault(path, reason)


def fatal(output: Mapping[str, Any]) -> str | None:
    """The error that concerns neither one rule nor one file, and with it the whole run."""
    errors: Sequence[Mapping[str, Any]] = output["errors"]
    whole = (e for e in errors if e.get("level") == "error" and not e.get("rule_id") and not e.get("path"))
    return next((_line(error) for error in whole), None)


def _line(error: Mapping[str, Any]) -> str:
    return " ".join(str(error.get("message") or error["type"]).split())[:200]


def _last(check: str) -> str:
    """The rule's name without what the engine puts before it: the folder of its file."""
    return check.rsplit(".", 1)[-1]


def _path(name: str, scope: Scope) -> str | None:
    return scope.targets.get(name.rsplit("/", 1)[-1])


def _point(place: Mapping[str, int]) -> _Point:
    return place["line"], place["col"]
