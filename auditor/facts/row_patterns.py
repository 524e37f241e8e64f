"""Texts that match a regular expression, and whether a text does, for the common shapes of CHECK constraints.

The expressions come from the repository under review, so they never reach a backtracking engine: sets of positions are
followed through the expression, within a budget.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

_ALL = frozenset(map(chr, range(32, 127)))
_WORD = frozenset(string.ascii_letters + string.digits + "_")
_CLASSES = {"d": frozenset(string.digits), "w": _WORD, "s": frozenset(" ")}
_POSIX = {
    "alpha": frozenset(string.ascii_letters), "digit": _CLASSES["d"], "alnum": _WORD - {"_"}, "space": frozenset(" "),
    "upper": frozenset(string.ascii_uppercase), "lower": frozenset(string.ascii_lowercase), "word": _WORD,
    "xdigit": frozenset(string.hexdigits), "punct": frozenset(string.punctuation),
}  # fmt: skip
_PREFERRED = string.ascii_lowercase + string.digits[1:] + "0" + string.ascii_uppercase + "-_./@ "
_COUNT = re.compile(r"\{(\d{1,3})(,(\d{0,3}))?\}")
_MAX_PATTERN, _MAX_TEXT, _MAX_DEPTH, _BUDGET = 500, 300, 30, 20_000


class _UnsupportedError(Exception):
    """The expression has a part that is not read here."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """`kind` is chars, all (one after the other), either, repeat, start or end; `most` -1 is without limit."""

    kind: str
    chars: frozenset[str] = frozenset()
    parts: tuple[Pattern, ...] = ()
    least: int = 1
    most: int = 1


def read_pattern(text: str, *, any_case: bool = False) -> Pattern | None:
    """None where the expression uses what is not read here (look-around, back references, options)."""
    if len(text) > _MAX_PATTERN:
        return None
    try:
        return _Parser(text, any_case=any_case).whole()
    except (_UnsupportedError, IndexError):
        return None


class _Parser:
    def __init__(self, text: str, *, any_case: bool) -> None:
        self._text = text
        self._at = 0
        self._any_case = any_case

    def whole(self) -> Pattern:
        found = self._either(0)
        if self._at < len(self._text):
            raise _UnsupportedError
        return found

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _either(self, depth: int) -> Pattern:
        if depth > _MAX_DEPTH:
            raise _UnsupportedError
        options = [self._sequence(depth)]
        while self._peek() == "|":
            self._at += 1
            options.append(self._sequence(depth))
        return options[0] if len(options) == 1 else Pattern("either", parts=tuple(options))

    def _sequence(self, depth: int) -> Pattern:
        parts = []
        while self._peek() not in {"", "|", ")"}:
            parts.append(self._counted(self._atom(depth)))
        return Pattern("all", parts=tuple(parts))

    def _counted(self, atom: Pattern) -> Pattern:
        limits = {"*": (0, -1), "+": (1, -1), "?": (0, 1)}.get(self._peek())
        if limits:
            self._at += 1
        elif match := _COUNT.match(self._text, self._at):
            least = int(match[1])
            limits = least, least if match[2] is None else int(match[3]) if match[3] else -1
            self._at = match.end()
        else:
            return atom
        if self._peek() == "?":
            self._at += 1
        return Pattern("repeat", parts=(atom,), least=limits[0], most=limits[1])

    def _atom(self, depth: int) -> Pattern:
        match char := self._next():
            case "^" | "$":
                return Pattern("start" if char == "^" else "end")
            case ".":
                return Pattern("chars", _ALL)
            case "[":
                return Pattern("chars", self._cased(self._bracket()))
            case "(":
                return self._group(depth)
            case "\\":
                return Pattern("chars", self._cased(self._escape()))
            case "*" | "+" | "?" | "{":
                raise _UnsupportedError
        return Pattern("chars", self._cased(frozenset(char)))

    def _cased(self, chars: frozenset[str]) -> frozenset[str]:
        return chars | {char.swapcase() for char in chars} if self._any_case else chars

    def _group(self, depth: int) -> Pattern:
        if self._peek() == "?":
            if self._text[self._at : self._at + 2] != "?:":
                raise _UnsupportedError
            self._at += 2
        inner = self._either(depth + 1)
        if self._next() != ")":
            raise _UnsupportedError
        return inner

    def _escape(self) -> frozenset[str]:
        char = self._next()
        if char.lower() in _CLASSES:
            found = _CLASSES[char.lower()]
            return found if char.islower() else _ALL - found
        if char.isalnum():
            raise _UnsupportedError
        return frozenset(char)

    def _bracket(self) -> frozenset[str]:
        negated = self._peek() == "^"
        self._at += negated
        chars: set[str] = set()
        first = True
        while first or self._peek() != "]":
            first = False
            chars |= self._member()
        self._at += 1
        return _ALL - chars if negated else frozenset(chars)

    def _member(self) -> frozenset[str]:
        if match := re.compile(r"\[:(\w+):\]").match(self._text, self._at):
            self._at = match.end()
            return _POSIX.get(match[1], frozenset())
        char = self._next()
        if char == "\\":
            found = self._escape()
            if len(found) > 1:
                return found
            char = next(iter(found))
        if self._peek() == "-" and self._text[self._at + 1] != "]":
            self._at += 1
            last = self._next()
            if last == "\\":
                last = self._next()
            return frozenset(map(chr, range(ord(char), min(ord(last), 126) + 1)))
        return frozenset(char)


def matches(pattern: Pattern, text: str) -> bool | None:
    """Whether the text holds a match; None when that is not known."""
    if len(text) > _MAX_TEXT or not _ALL.issuperset(text):
        return None
    try:
        return bool(_Matcher(text).ends(pattern, frozenset(range(len(text) + 1))))
    except _UnsupportedError:
        return None


class _Matcher:
    def __init__(self, text: str) -> None:
        self._text = text
        self._left = _BUDGET

    def ends(self, pattern: Pattern, starts: frozenset[int]) -> frozenset[int]:
        self._left -= 1 + len(starts) // 8
        if self._left < 0:
            raise _UnsupportedError
        match pattern.kind:
            case "chars":
                return frozenset(i + 1 for i in starts if i < len(self._text) and self._text[i] in pattern.chars)
            case "start":
                return starts & {0}
            case "end":
                return starts & {len(self._text)}
            case "either":
                return frozenset().union(*(self.ends(part, starts) for part in pattern.parts))
            case "repeat":
                return self._repeated(pattern, starts)
        for part in pattern.parts:
            starts = self.ends(part, starts)
        return starts

    def _repeated(self, pattern: Pattern, starts: frozenset[int]) -> frozenset[int]:
        for _ in range(pattern.least):
            starts, before = self.ends(pattern.parts[0], starts), starts
            if not starts or starts == before:
                break
        found, turns = starts, pattern.least
        while starts and turns != pattern.most:
            starts = self.ends(pattern.parts[0], starts) - found
            found |= starts
            turns += 1
        return found


def samples(pattern: Pattern, variant: int) -> list[str]:
    """Texts that match, short ones first; different variants give different texts where the expression allows it."""
    found = []
    for more in (0, 1, 4, 9, 20):
        for choice in range(3):
            text = _sample(pattern, variant, more, choice)
            if len(text) <= _MAX_TEXT and text not in found and matches(pattern, text):
                found.append(text)
    return found


def _sample(pattern: Pattern, variant: int, more: int, choice: int) -> str:
    match pattern.kind:
        case "chars":
            liked = [char for char in _PREFERRED if char in pattern.chars] or sorted(pattern.chars)
            return liked[variant % len(liked)] if liked else ""
        case "either":
            return _sample(pattern.parts[choice % len(pattern.parts)], variant, more, choice)
        case "repeat":
            most = pattern.least + more if pattern.most < 0 else min(pattern.most, pattern.least + more)
            part = _sample(pattern.parts[0], variant, more, choice)
            return part * min(most, max(pattern.least, _MAX_TEXT // max(len(part), 1)))
    text = ""
    for each in pattern.parts:
        text = (text + _sample(each, variant, more, choice))[: _MAX_TEXT + 1]
    return text
