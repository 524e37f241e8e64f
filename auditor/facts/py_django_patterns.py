"""Paths out of the regular expressions of Django's patterns."""

from __future__ import annotations

import re

_NAMED = re.compile(r"\?P<(\w+)>")
_LOOKS = ("?=", "?!", "?<=", "?<!", "?#")
_MANY = re.compile(r"(?:[?*+]|\{[\d,]*\})\??")


def cleaned(route: str) -> str:
    r"""A regular expression's path without its marks: `^things/(?P<id>\d+)/$` gives `things/<id>/`.

    What may be left out, `(?:/(?P<page>\d+))?`, stands there.
    """
    plain = _without_groups(route).replace("\\/", "/")
    return re.sub(r"^/?\^|\$$|\\Z$", "", plain).replace("/?", "/")


def _without_groups(route: str) -> str:
    found, place = "", 0
    while place < len(route):
        end = _end(route, place) if route[place] == "(" else place
        if end == place:
            end += 2 if route[place] == "\\" else 1
            found += route[place:end]
        else:
            text = _group(route[place + 1 : end - 1])
            many = _MANY.match(route, end) if text is not None else None
            found += route[place:end] if text is None else text
            end = many.end() if many else end
        place = end
    return found


def _group(inside: str) -> str | None:
    """What a group leaves of itself: its name, its own text where it has no name; None for one that stays."""
    if named := _NAMED.match(inside):
        return f"<{named[1]}>"
    if inside.startswith(_LOOKS):
        return ""
    text = _without_groups(inside.removeprefix("?:")) if inside.startswith("?:") else None
    return None if text is None or "|" in text else text


def _end(route: str, start: int) -> int:
    """The place after the bracket that closes the one at `start`; `start` itself where none does."""
    depth, place, listed = 0, start, False
    while place < len(route):
        mark = route[place]
        if mark == "\\":
            place += 1
        elif listed or mark == "[":
            listed = mark != "]"
        elif mark in "()":
            depth += 1 if mark == "(" else -1
            if depth == 0:
                return place + 1
        place += 1
    return start
