"""Which findings of two scans are the same one: pure.

By fingerprint first, then through the renames that git saw, then by rule, symbol and evidence where exactly one is left
on either side. What is copied leaves its original behind, which takes the match: the copy is new.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.model import Severity  # noqa: TC001 - a dataclass field
from auditor.report_past import PastFinding

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence

    from auditor.report import Finding


_PACKAGE = re.compile(r"(package \S+)@[^@\s]+")


@dataclass(frozen=True, slots=True)
class Item:
    """What identifies a finding, wherever it was written down.

    `place` is its file, or its database where `in_database`; `code` the text that it points at without its blanks.
    """

    rule: str
    fingerprint: str
    severity: Severity
    subject: str
    place: str
    evidence: str
    in_database: bool = False
    code: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """`renames` lead from old paths to new ones, `formerly` from old names of rules to new ones. `before` and `after`
    are the files and databases on either side: only what went may have become what came.
    """

    renames: Mapping[str, str] = field(default_factory=dict)
    formerly: Mapping[str, str] = field(default_factory=dict)
    before: Collection[str] = frozenset()
    after: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Match:
    old: Item
    new: Item
    moved: bool

    @property
    def worse(self) -> bool:
        return self.new.severity.rank > self.old.severity.rank


@dataclass(frozen=True, slots=True)
class Matches:
    """The pairs, and what is left on either side."""

    pairs: list[Match]
    gone: list[Item]
    new: list[Item]


def item_of(finding: Finding) -> Item:
    in_database = finding.object is not None and finding.database is not None
    place = finding.database if in_database else finding.location.path if finding.location else ""
    return Item(
        rule=finding.rule,
        fingerprint=finding.fingerprint,
        severity=finding.severity,
        subject=finding.subject,
        place=place or "",
        evidence=finding.evidence,
        in_database=in_database,
        code="".join("".join(line.text.split()) for line in finding.frame if line.marked),
    )


def past_finding(item: Item) -> PastFinding:
    return PastFinding(
        rule=item.rule,
        severity=item.severity,
        subject=item.subject,
        path=None if item.in_database else item.place or None,
        fingerprint=item.fingerprint,
    )


def match(old: Iterable[Item], new: Iterable[Item], context: Context | None = None) -> Matches:
    """Pair the findings one to one."""
    context = context or Context()
    left, right = list(old), list(new)
    pairs: list[Match] = []
    for moved, once, before, after in _steps(context):
        found = _pair(left, right, before, after, once=once)
        pairs += [Match(a, b, moved) for a, b in found]
        taken = {id(item) for pair in found for item in pair}
        left = [item for item in left if id(item) not in taken]
        right = [item for item in right if id(item) not in taken]
    return Matches(pairs, left, right)


def _steps(
    context: Context,
) -> list[tuple[bool, bool, Callable[[Item], Hashable | None], Callable[[Item], Hashable | None]]]:
    """Whether a pair has moved, whether it must be the only one, and the key of an old and of a new finding."""

    def named(item: Item) -> str:
        return context.formerly.get(item.rule, item.rule)

    def same_place(item: Item) -> Hashable | None:
        return named(item), item.place, item.subject, item.evidence, item.in_database

    def renamed(item: Item) -> Hashable | None:
        place = context.renames.get(item.place)
        if place is None or item.in_database:
            return None
        return named(item), place, _replaced(item, place), item.evidence

    def at_place(item: Item) -> Hashable | None:
        return None if item.in_database else (named(item), item.place, item.subject, item.evidence)

    return [
        (False, False, lambda item: item.fingerprint, lambda item: item.fingerprint),
        (False, False, same_place, same_place),
        (True, False, renamed, at_place),
        (True, True, lambda item: _versioned(item, named(item)), lambda item: _versioned(item, named(item))),
        (True, True, lambda i: _lost(i, context.after, named(i)), lambda i: _lost(i, context.before, named(i))),
    ]


def _versioned(item: Item, rule: str) -> Hashable | None:
    """By the package without its version: one that was raised and is still at fault is no new fault."""
    package = _PACKAGE.match(item.subject)
    return (rule, item.place, package[1], item.evidence) if package else None


def _replaced(item: Item, place: str) -> str:
    return item.subject.replace(item.place, place) if item.place else item.subject


def _lost(item: Item, others: Collection[str], rule: str) -> Hashable | None:
    """By what a finding is known that stands elsewhere on the other side: an endpoint or a package by its name, other
    code by its symbol and its text, and only from a file that went to one that came.
    """
    if item.in_database:
        return None if item.place in others else (rule, item.subject, item.evidence)
    if not item.place or item.place not in item.subject:
        return rule, item.subject, item.evidence
    if not item.code or not others or item.place in others:
        return None
    return rule, _replaced(item, ""), item.evidence, item.code


def _pair(
    left: Sequence[Item],
    right: Sequence[Item],
    before: Callable[[Item], Hashable | None],
    after: Callable[[Item], Hashable | None],
    *,
    once: bool,
) -> list[tuple[Item, Item]]:
    """Those of equal keys, in their order; with `once` only where either side has one of them."""
    olds, news = _by_key(left, before), _by_key(right, after)
    found = []
    for key, items in olds.items():
        others = news.get(key, [])
        if not once or len(items) == len(others) == 1:
            found += list(zip(items, others, strict=False))
    return found


def _by_key(items: Sequence[Item], key_of: Callable[[Item], Hashable | None]) -> dict[Hashable, list[Item]]:
    found: dict[Hashable, list[Item]] = defaultdict(list)
    for item in items:
        key = key_of(item)
        if key is not None:
            found[key].append(item)
    return found
