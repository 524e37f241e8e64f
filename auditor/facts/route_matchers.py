"""Which paths a Next.js middleware protects, where it says so: by `createRouteMatcher([...])`, or by lists."""

from __future__ import annotations

import re

from auditor.facts.path_lists import by_list

_MATCHER = re.compile(
    r"\b(?:const|let|var)\s+(?P<name>\w+)\s*=\s*createRouteMatcher\(\s*\[(?P<list>[^\]]*)\]", re.DOTALL
)
_TEXT = re.compile(r"[\"'`]([^\"'`\n]+)[\"'`]")


def matched(text: str, path: str) -> bool | None:
    """Whether a middleware protects the path; None where it does not say it by such a list."""
    answers = [
        _answer(text, match["name"], any(_covers(pattern, path) for pattern in _TEXT.findall(match["list"])))
        for match in _MATCHER.finditer(text)
    ]
    known = [answer for answer in answers if answer is not None]
    if not known:
        return by_list(text, path)
    return any(known) if len(known) == len(answers) else None


def _answer(text: str, name: str, listed: bool) -> bool | None:
    """What one list says: those outside of it are protected (`if (!isPublic(req))`), or those in it."""
    negated = re.search(rf"!\s*{name}\s*\(", text)
    if negated or re.search(rf"\bif\s*\(\s*{name}\s*\([^)]*\)\s*\)\s*\{{?\s*return\b", text):
        return not listed
    return listed if re.search(rf"\b{name}\s*\(", text) else None


def _covers(pattern: str, path: str) -> bool:
    """`/api/hooks(.*)` and `/users/:id`; a part of the path that only requests fill in fits any."""
    wanted = re.escape(pattern).replace(re.escape("(.*)"), ".*")
    wanted = re.sub(r":\w+(?:\\\*)?", "[^/]+", wanted)
    return bool(re.fullmatch(wanted, path))
