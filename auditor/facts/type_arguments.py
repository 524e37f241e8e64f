"""Type arguments of awaited calls, blanked out.

The grammar of TypeScript reads `await call<T>(…)` as `(await call)<T>(…)`, so that no pattern of a call matches it.
"""

from __future__ import annotations

import re

_AWAITED = re.compile(r"\bawait\s+[\w$.?!()\[\]\s]*?[\w$]<")
_CLOSERS = {">": "<", "}": "{", "]": "[", ")": "("}
_LONGEST = 3000


def without_type_arguments(text: str) -> str:
    """The same text, line for line and column for column, with blanks instead of these type arguments."""
    pieces: list[str] = []
    done = 0
    for match in _AWAITED.finditer(text):
        start = match.end() - 1
        end = _end(text, start) if start >= done else None
        if end is not None and text[end:].lstrip()[:1] in {"(", "`"}:
            pieces += [text[done:start], re.sub(r"\S", " ", text[start:end])]
            done = end
    return "".join([*pieces, text[done:]])


def _end(text: str, start: int) -> int | None:
    """Behind the bracket that closes the one at `start`; None where none does within reason."""
    opened: list[str] = []
    for place in range(start, min(len(text), start + _LONGEST)):
        sign = text[place]
        if sign in "<{[(":
            opened.append(sign)
        elif sign in _CLOSERS and not (sign == ">" and text[place - 1] == "="):
            if opened.pop() != _CLOSERS[sign]:
                return None
            if not opened:
                return place + 1
    return None
