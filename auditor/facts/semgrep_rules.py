"""What a page's semgrep file holds: the rules as the engine gets them, and what of them is for this tool alone.

The file beside a page `<id>.md` is `<id>.yaml`, and its rules are named after it: `<id>` or `<id>.<variant>` is a
fault, a name that ends in `.subject` lists the places that are asked about. `message` is the detail of the answer.
`metadata` is for this tool, and the engine never sees it:

- `words`: regular expressions; only a file in which every one of them is found can hold a match;
- `noun`: what a subject is called in its name, of a subject rule;
- `severity`, `confidence`: instead of the page's, for one variant;
- `evidence`: the short normalised word for the fault;
- `followed`: this tool follows the data itself; the engine is not asked, and the rule's words are those of the answer;
- `everywhere`: modules that run in a browser only are looked at, too;
- `include`, `exclude`: globs of the files that a rule of the user's looks at.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pathspec import GitIgnoreSpec

from auditor.model import Confidence, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_METADATA = {"words", "noun", "severity", "confidence", "evidence", "everywhere", "followed", "include", "exclude"}
_ENDINGS = {"typescript": ".ts", "tsx": ".tsx", "javascript": ".js", "python": ".py"}
_GRAMMARS = {"typescript": "typescript", "tsx": "typescript", "javascript": "javascript", "python": "python"}


class RuleError(ValueError):
    """A semgrep file that does not follow the format: a fault of this tool's own data, or of the user's rules."""


@dataclass(frozen=True, slots=True)
class SemgrepRule:
    """One rule; `definition` is the engine's part. It is named `name` there, which is given when rules are joined."""

    page: str
    id: str
    is_subject: bool
    languages: frozenset[str]
    words: tuple[re.Pattern[str], ...]
    message: str
    name: str = ""
    noun: str = "place"
    evidence: str = ""
    severity: Severity | None = None
    confidence: Confidence | None = None
    everywhere: bool = False
    followed: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    definition: dict[str, Any] = field(default_factory=dict, compare=False)

    def may_match(self, language: str, holds: Callable[[re.Pattern[str]], bool]) -> bool:
        """Whether a file could hold a match: its language is one of the rule's, and every word is in it."""
        return _GRAMMARS[language] in self.languages and all(map(holds, self.words))

    def may_look_at(self, path: str) -> bool:
        """Whether the rule's own globs let it look at a file; ours have none."""
        if not self.include and not self.exclude:
            return True
        wanted = not self.include or GitIgnoreSpec.from_lines(self.include).match_file(path)
        return wanted and not GitIgnoreSpec.from_lines(self.exclude).match_file(path)


def read_rules(page: str, text: str) -> list[SemgrepRule]:
    """The rules of one page's file; raises RuleError."""
    document = parsed(text)
    listed = document.get("rules") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not listed:
        raise RuleError("it has no list of rules")
    try:
        return [_rule(page, item) for item in listed]
    except (AttributeError, KeyError, TypeError, ValueError, re.error) as error:
        raise RuleError(f"{type(error).__name__}: {error}") from error


def parsed(text: str) -> Any:  # noqa: ANN401 - YAML of any shape
    """A file of rules as it stands there; raises RuleError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise RuleError(" ".join(str(error).split())) from error


def _rule(page: str, item: dict[str, Any]) -> SemgrepRule:
    name = str(item["id"])
    if name != page and not name.startswith(f"{page}."):
        raise ValueError(f"the rule {name} is not named after {page}")
    own = item.get("metadata") or {}
    if unknown := own.keys() - _METADATA:
        raise ValueError(f"{name}: unknown metadata {sorted(unknown)}")
    return SemgrepRule(
        page=page,
        id=name,
        is_subject=name.endswith(".subject"),
        languages=frozenset(item["languages"]),
        words=tuple(map(re.compile, sorted(own.get("words", ()), key=_looks_at_all))),
        message=" ".join(str(item["message"]).split()),
        noun=own.get("noun", "place"),
        evidence=own.get("evidence", ""),
        everywhere=bool(own.get("everywhere")),
        followed=bool(own.get("followed")),
        include=tuple(own.get("include", ())),
        exclude=tuple(own.get("exclude", ())),
        severity=Severity(own["severity"]) if "severity" in own else None,
        confidence=Confidence(own["confidence"]) if "confidence" in own else None,
        definition={key: value for key, value in item.items() if key not in {"metadata", "paths"}},
    )


def _looks_at_all(word: str) -> bool:
    """Whether a word asks that something is nowhere in the file: such a search is the slowest, and comes last."""
    return word.startswith("\\A")


def named(rules: Iterable[SemgrepRule]) -> list[SemgrepRule]:
    return [replace(rule, name=f"r{number}") for number, rule in enumerate(rules)]


def merged(rules: Sequence[SemgrepRule]) -> str:
    """One file of rules for the engine. JSON is YAML without aliases, which its core does not know.

    Each rule looks only at the copies that bear its name: matching costs more than parsing, and the engine would put
    a rule for JavaScript to TypeScript, too.
    """
    ours = ({"id": rule.name, "severity": "ERROR", "paths": {"include": [f"*-{rule.name}-*"]}} for rule in rules)
    return json.dumps({"rules": [rule.definition | own for rule, own in zip(rules, ours, strict=True)]})


def copy_name(number: int, rules: Iterable[SemgrepRule], language: str) -> str:
    """The name of a file's copy: a number, the rules that shall look at it, and an ending that the engine knows."""
    return f"{number:06}-{'-'.join(rule.name for rule in rules)}-{_ENDINGS[language]}"
