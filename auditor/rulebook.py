"""Rule pages and the checklist as typed objects, read from `rules/`.

A page is Markdown: a title, a `toml` block, prose, `**Fix.**`, then examples as fences. The same page is
`backend-audit explain ID`, the help text in reports, and a test. No pydantic here: pages are read at start-up.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path  # noqa: TC003 - a dataclass field
from typing import Any

from auditor.data import data_folder
from auditor.model import Confidence, Kind, Severity

_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
_INFO = re.compile(r"(?P<lang>\S+)\s+(?P<verdict>bad|good|gap)(?P<options>[^:]*):\s*(?P<title>.+)")
_FOUND = re.compile(r"^Found: (?P<places>.+?)\.?$", re.MULTILINE)
_MARK = re.compile(r"<- found\s*(?:\*/)?\s*$")
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SUFFIX = {"python": "py"}
_PAGE_KEYS = {
    "control", "severity", "confidence", "cwe", "decisive", "equivalents", "formerly", "tags",
}  # fmt: skip


class PageError(Exception):
    """A rule page or the checklist that does not follow the format: a fault of this tool's own data."""


@dataclass(frozen=True, slots=True)
class Example:
    """One fence, or the fences of one group, as a small file tree.

    `marks` are the (path, line) pairs marked `<- found`, `found` the subjects named below the group, `git` says of each
    path whether git tracks or ignores it; empty where no repository is made.
    """

    title: str
    verdict: str
    language: str
    files: dict[str, str]
    marks: frozenset[tuple[str, int]] = frozenset()
    found: frozenset[str] = frozenset()
    git: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    id: str
    kind: Kind
    title: str
    control: str
    severity: Severity
    confidence: Confidence
    description: str
    fix: str
    path: Path
    cwe: tuple[int, ...] = ()
    decisive: bool = True
    equivalents: tuple[str, ...] = ()
    formerly: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def detector_stem(self) -> str:
        return self.id.replace("-", "_")

    @property
    def sql(self) -> Path | None:
        """The query that asks this rule, where one file beside the page can say it."""
        query = self.path.with_suffix(".sql")
        return query if query.is_file() else None

    @property
    def yaml(self) -> Path | None:
        """The semgrep rules that ask this rule, where they stand in a file beside the page."""
        rules = self.path.with_suffix(".yaml")
        return rules if rules.is_file() else None

    @property
    def markdown(self) -> str:
        """The page's prose without its settings: what `explain` and SARIF's `rule.help` show."""
        return re.sub(
            r"^```toml\n.*?^```\n+", "", self.path.read_text("utf-8"), count=1, flags=re.MULTILINE | re.DOTALL
        )


@dataclass(frozen=True, slots=True)
class Control:
    id: str
    title: str
    asks: str
    weight: Severity
    fails_at: Severity
    share: bool
    answers: tuple[str, ...]
    extended: bool


@dataclass(frozen=True, slots=True)
class Rulebook:
    controls: tuple[Control, ...]
    pages: tuple[Page, ...]

    def page(self, rule: str) -> Page | None:
        """The page of a rule, also under a name that it formerly had or that another linter gives it."""
        named = (page for page in self.pages if rule == page.id or rule in page.formerly)
        return next(named, None) or next((page for page in self.pages if rule in page.equivalents), None)

    def rules_of(self, control: str) -> tuple[Page, ...]:
        """The rules that a control's verdict rests on; notes on settings only stand beside it."""
        return tuple(p for p in self.pages if p.control == control and p.kind is not Kind.SETTINGS)


@cache
def load_rulebook() -> Rulebook:
    """Every page and the checklist; pages are sorted by id."""
    root = data_folder("rules")
    paths = [path for kind in Kind for path in (root / kind).glob("*.md")]
    pages = sorted(map(read_page, paths), key=lambda page: page.id)
    return Rulebook(_read_checklist(root / "checklist.toml"), tuple(pages))


def find_page(rule: str) -> Page | None:
    """The page of a rule; where that is its present name, without reading the others."""
    places = [data_folder("rules") / kind / f"{rule}.md" for kind in Kind] if _ID.fullmatch(rule) else ()
    found = next((place for place in places if place.is_file()), None)
    return read_page(found) if found else load_rulebook().page(rule)


def read_page(path: Path) -> Page:
    """Read one page; raises PageError with the file's name when it does not follow the format."""
    text = path.read_text("utf-8")
    title = re.match(r"# (.+)\n", text)
    block = re.search(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    if not title or not block:
        raise PageError(f"{path.name}: a page starts with '# Title' and a toml block")
    settings = tomllib.loads(block[1])
    if unknown := settings.keys() - _PAGE_KEYS:
        raise PageError(f"{path.name}: unknown keys {sorted(unknown)}")
    description, fix = _prose(text[block.end() :], path)
    return Page(
        id=path.stem,
        kind=Kind(path.parent.name),
        title=title[1].strip(),
        control=settings["control"],
        severity=Severity(settings["severity"]),
        confidence=Confidence(settings.get("confidence", "inferred")),
        description=description,
        fix=fix,
        path=path,
        cwe=tuple(settings.get("cwe", ())),
        decisive=settings.get("decisive", True),
        equivalents=tuple(settings.get("equivalents", ())),
        formerly=tuple(settings.get("formerly", ())),
        tags=tuple(settings.get("tags", ())),
    )


def _prose(rest: str, path: Path) -> tuple[str, str]:
    before_examples = re.split(r"^```|^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    description, found, fix = before_examples.partition("**Fix.**")
    if not found:
        raise PageError(f"{path.name}: no '**Fix.**' paragraph")
    return description.strip(), fix.strip()


@dataclass(frozen=True, slots=True)
class _Fence:
    """One fence with its options, and the `Found:` line that stands directly below it."""

    language: str
    verdict: str
    title: str
    options: dict[str, str]
    body: str
    found: str

    @property
    def path(self) -> str:
        return self.options.get("file") or f"example.{_SUFFIX.get(self.language, self.language)}"


def read_examples(page: Page) -> tuple[Example, ...]:
    """The page's examples, fences of one group joined; read by the tests, not by a scan."""
    text = page.path.read_text("utf-8")
    groups: dict[str, list[_Fence]] = {}
    for number, match in enumerate(_FENCE.finditer(text)):
        if info := _INFO.fullmatch(match["info"].strip()):
            options = dict(part.split("=", 1) for part in info["options"].split())
            below = _FOUND.match(text[match.end() :].lstrip("\n"))
            fence = _Fence(
                info["lang"], info["verdict"], info["title"], options, match["body"], below["places"] if below else ""
            )
            groups.setdefault(options.get("group", f"#{number}"), []).append(fence)
    return tuple(_example(fences) for fences in groups.values())


def _example(fences: list[_Fence]) -> Example:
    marks = {(f.path, n) for f in fences for n, line in enumerate(f.body.splitlines(), 1) if _MARK.search(line)}
    found: set[str] = set()
    for place in (place.strip() for fence in fences for place in fence.found.split(";")):
        path, _, line = place.rpartition(":")
        if line.isdigit() and any(path == fence.path for fence in fences):
            marks.add((path, int(line)))
        elif place:
            found.add(place)
    return Example(
        title=fences[0].title,
        verdict=fences[0].verdict,
        language=fences[0].language,
        files={fence.path: fence.body for fence in fences},
        marks=frozenset(marks),
        found=frozenset(found),
        git={fence.path: fence.options["git"] for fence in fences if "git" in fence.options},
    )


def _read_checklist(path: Path) -> tuple[Control, ...]:
    table: dict[str, list[dict[str, Any]]] = tomllib.loads(path.read_text("utf-8"))
    return tuple(_control(entry) for entry in table["control"])


def _control(entry: dict[str, Any]) -> Control:
    weight = Severity(entry["weight"])
    default = Severity.HIGH if weight is Severity.CRITICAL else Severity.MEDIUM
    return Control(
        id=entry["id"],
        title=entry["title"],
        asks=entry["asks"],
        weight=weight,
        fails_at=Severity(entry.get("fails_at", default)),
        share=entry.get("share", False),
        answers=tuple(entry.get("answers", ())),
        extended=not entry.get("answers"),
    )
