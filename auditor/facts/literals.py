"""What a text must hold for a pattern to match in it: looked for first, because a plain search is far faster."""

from __future__ import annotations

import re
from functools import cache
from re import _parser as parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# The parser is private because nothing public tells what a pattern is made of; every Python from 3.11 on has it.
_LEAST = 3
_MOST = 40


@cache
def literals(pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Words in lower case of which every text that matches holds one, whatever its case; empty where there are none."""
    try:
        found = _of(parser.parse(pattern.pattern, pattern.flags))
    except (re.error, RecursionError):
        return ()
    return tuple(sorted(found)) if found and len(found) <= _MOST else ()


def _of(items: Iterable[Any]) -> frozenset[str]:
    """The best choice of what a sequence offers: the longest words, then the fewest."""
    offers: list[frozenset[str]] = []
    run = ""
    for kind, value in items:
        if kind is parser.LITERAL:
            run += chr(value)
            continue
        offers += [frozenset({run.lower()})] if run else []
        run = ""
        offers.append(_inside(kind, value))
    offers += [frozenset({run.lower()})] if run else []
    usable = [offer for offer in offers if offer and min(map(len, offer)) >= _LEAST]
    return max(usable, key=lambda offer: (min(map(len, offer)), -len(offer)), default=frozenset())


def _inside(kind: Any, value: Any) -> frozenset[str]:  # noqa: ANN401 - opcodes of the parser
    if kind is parser.SUBPATTERN:
        return _of(value[-1])
    if kind in {parser.MAX_REPEAT, parser.MIN_REPEAT} and value[0] > 0:
        return _of(value[2])
    if kind is parser.BRANCH:
        branches = [_of(branch) for branch in value[1]]
        return frozenset().union(*branches) if all(branches) else frozenset()
    return frozenset()
