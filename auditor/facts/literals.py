"""What a text must hold for a pattern to match in it: looked for first, because a plain search is far faster."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from re import _parser as parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# The parser is private because nothing public tells what a pattern is made of; every Python from 3.11 on has it.
_LEAST = 3
_MOST = 60
_KEPT = 16  # texts
_WORD = re.compile(r"\w+")
_BOUNDARY = "\\b"
"""Stands before and after a literal that is a whole word."""


@cache
def literals(pattern: re.Pattern[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Parts and whole words, in lower case, of which every text that matches holds one, whatever its case.

    Both are empty where there are none.
    """
    try:
        found = _of(parser.parse(pattern.pattern, pattern.flags))
    except (re.error, RecursionError):
        found = frozenset()
    if len(found) > _MOST:
        found = frozenset()
    words = frozenset(part for part in found if _is_word(part))
    return frozenset(part.replace(_BOUNDARY, "") for part in found - words), frozenset(w[2:-2] for w in words)


def may_match(pattern: re.Pattern[str], folded: str, tokens: frozenset[str]) -> bool:
    """Whether a text could hold a match: `folded` is the text in lower case, `tokens` are its words."""
    parts, words = literals(pattern)
    if not parts and not words:
        return True
    return not words.isdisjoint(tokens) or any(part in folded for part in parts)


def occurs(pattern: re.Pattern[str], text: str) -> bool:
    """Whether a pattern is found in a text; the same text is often asked about many, one after another."""
    return may_match(pattern, *_folded(text)) and pattern.search(text) is not None


@lru_cache(maxsize=_KEPT)
def _folded(text: str) -> tuple[str, frozenset[str]]:
    folded = text.lower()
    return folded, frozenset(_WORD.findall(folded))


def _is_word(part: str) -> bool:
    return part.startswith(_BOUNDARY) and part.endswith(_BOUNDARY) and part[2:-2].isidentifier()


def _usable(part: str) -> bool:
    return _is_word(part) or len(part.replace(_BOUNDARY, "")) >= _LEAST


def _of(items: Iterable[Any], run: str = "") -> frozenset[str]:
    """The best choice of what a sequence offers, after the literal `run`: the longest parts, then the fewest."""
    offers: list[frozenset[str]] = []
    for kind, value in items:
        if kind is parser.LITERAL:
            run += chr(value).lower()
        elif kind is parser.AT and value is parser.AT_BOUNDARY:
            offers += [frozenset({run + _BOUNDARY})] if run else []
            run = _BOUNDARY
        else:
            offers += [frozenset({run})] if run else []
            offers.append(_inside(kind, value, run))
            run = ""
    offers += [frozenset({run})] if run else []
    usable = [offer for offer in offers if offer and all(map(_usable, offer))]
    return max(usable, key=lambda offer: (min(map(len, offer)), -len(offer)), default=frozenset())


def _inside(kind: Any, value: Any, run: str) -> frozenset[str]:  # noqa: ANN401 - opcodes of the parser
    if kind is parser.SUBPATTERN:
        return _of(value[-1], run)
    if kind in {parser.MAX_REPEAT, parser.MIN_REPEAT} and value[0] > 0:
        return _of(value[2])
    if kind is parser.BRANCH:
        branches = [_of(branch, run) for branch in value[1]]
        return frozenset().union(*branches) if all(branches) else frozenset()
    return frozenset()
