"""Licence expressions: whether one leaves a way to use a package without any licence of a list. Pure."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOKEN = re.compile(r"\(|\)|[^\s()]+")
_MAX_TOKENS = 200


def denied_part(expression: str, denied: Sequence[str]) -> str:
    """The licence of an SPDX expression that is denied with every choice it leaves; empty where a choice is free.

    `denied` are ids or globs (`AGPL-*`), in any case; of `A OR B` both must be denied, of `A AND B` one.
    """
    tokens = _TOKEN.findall(expression.replace("/", " OR "))[:_MAX_TOKENS]
    found, _ = _choice(tokens, 0, [name.lower() for name in denied])
    return found


def _choice(tokens: list[str], at: int, denied: Sequence[str]) -> tuple[str, int]:
    found, at = _all_of(tokens, at, denied)
    while at < len(tokens) and tokens[at].upper() == "OR":
        other, at = _all_of(tokens, at + 1, denied)
        found = found and other
    return found, at


def _all_of(tokens: list[str], at: int, denied: Sequence[str]) -> tuple[str, int]:
    found, at = _one(tokens, at, denied)
    while at < len(tokens) and tokens[at] != ")" and tokens[at].upper() != "OR":
        at += tokens[at].upper() in {"AND", "WITH"}
        other, at = _one(tokens, at, denied)
        found = found or other
    return found, at


def _one(tokens: list[str], at: int, denied: Sequence[str]) -> tuple[str, int]:
    if at >= len(tokens):
        return "", at
    if tokens[at] == "(":
        found, at = _choice(tokens, at + 1, denied)
        return found, at + 1
    name = tokens[at]
    plain = name.lower().rstrip("+")
    same = {plain, plain.removesuffix("-only"), plain.removesuffix("-or-later")}
    return (name if any(fnmatchcase(one, glob) for one in same for glob in denied) else ""), at + 1
