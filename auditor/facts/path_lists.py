"""Which paths a Next.js middleware protects, where it keeps them in a list: `const publicPaths = ["/login", …]`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIST = re.compile(
    r"\b(?:const|let|var)\s+(?P<name>\w+)(?:\s*:\s*[\w\[\]<> ]{1,40})?\s*=\s*(?:new\s+Set\(\s*)?"
    r"\[(?P<list>[^\]]{2,4000})\]"
)
_TEXT = re.compile(r"[\"'`](/[^\"'`\n]*)[\"'`]")
_KEPT = r"\b(?:const|let|var)\s+(\w+)\s*=(?=(?:(?!\b(?:const|let|var|if)\b)[^;]){{0,200}}?\b{}\b)"
_IF = re.compile(r"\bif\s*\(")
_LETS = re.compile(r"\s*\{?\s*return\b(?:\s*;|\s*\w+\s*;|[^;]{0,80}\bnext\()")
_REFUSES = re.compile(r"redirect|\b40[13]\b|rewrite\(|[uU]nauthori[sz]ed")
_KNOWN = re.compile(r"(?<![!\w])(?:\w+\.)*\w*(?:session|user|token|auth|logged|signed)\w*", re.IGNORECASE)
_UNKNOWN = re.compile(r"!\s*(?:\w+\??\.)*\w*(?:session|user|token|auth|logged|signed)\w*", re.IGNORECASE)
_NOBODY = re.compile(rf"\(?\s*{_UNKNOWN.pattern}\s*\)?", re.IGNORECASE)
_ADDRESS = r"(?:[\w$]+\.)*path(?:name)?"
_OTHER_PATH = re.compile(
    rf"!\s*{_ADDRESS}\.startsWith\(\s*[\"'`](?P<begin>/[^\"'`$]*)[\"'`]\s*\)"
    rf"|{_ADDRESS}\s*!==?\s*[\"'`](?P<same>/[^\"'`$]*)[\"'`]",
    re.IGNORECASE,
)
_MAX_CONDITION = 400
_MAX_BODY = 300


def by_list(text: str, path: str) -> bool | None:
    """Whether the middleware protects a path; None where its lists do not say it, or say different things."""
    public: list[bool] = []
    protected: list[bool] = []
    for match in _LIST.finditer(text):
        patterns = _TEXT.findall(match["list"])
        if not patterns or (meaning := _meaning(text, match["name"])) is None:
            continue
        listed = any(_covers(text, match["name"], pattern, path) for pattern in patterns)
        (public if meaning == "public" else protected).append(listed)
    if public and protected:
        return True if any(protected) else (None if not any(public) else False)
    if public:
        return not any(public)
    return any(protected) if protected else _by_conditions(text, path)


def _by_conditions(text: str, path: str) -> bool | None:
    """The same where the one refusal names the public paths: `if (!user && !pathname.startsWith("/login")) …`."""
    refusing = [c for c, body in _conditions(text) if _UNKNOWN.search(c) and _REFUSES.search(body)]
    parts = [part.strip() for part in refusing[0].split("&&")] if len(refusing) == 1 else []
    open_to_all = [match for part in parts if (match := _OTHER_PATH.fullmatch(part))]
    if not open_to_all or len(open_to_all) + sum(bool(_NOBODY.fullmatch(part)) for part in parts) != len(parts):
        return None
    return not any(path.startswith(m["begin"]) if m["begin"] else path == m["same"] for m in open_to_all)


def _meaning(text: str, name: str) -> str | None:
    """`public` for a list of paths that need no session, `protected` for one of those that do."""
    kept = re.findall(_KEPT.format(re.escape(name)), text)
    found = {what for each in (name, *kept) for what in _uses(text, each)}
    return found.pop() if len(found) == 1 else None


def _uses(text: str, name: str) -> Iterator[str]:
    for condition, body in _conditions(text):
        if not re.search(rf"\b{re.escape(name)}\b", condition):
            continue
        negated = re.search(rf"!\s*(?:\w+\.)?(?:\w+\(\s*(?:\w+,\s*)?)?{re.escape(name)}\b", condition) is not None
        rest = re.sub(rf"!?\s*\b{re.escape(name)}\b", " ", condition)
        if _LETS.match(body):
            yield "protected" if negated else "public"
        elif _REFUSES.search(body) and (_UNKNOWN.search(rest) or not _KNOWN.search(rest)):
            yield "public" if negated else "protected"


def _conditions(text: str) -> Iterator[tuple[str, str]]:
    """(condition, what follows it) of each `if`."""
    for match in _IF.finditer(text):
        depth, end = 1, match.end()
        while depth and end < min(len(text), match.end() + _MAX_CONDITION):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        if not depth:
            yield text[match.end() : end - 1], text[end : end + _MAX_BODY]


def _covers(text: str, name: str, pattern: str, path: str) -> bool:
    """As the code compares: by how a path begins, by a glob, or as a whole."""
    if "*" in pattern or ":" in pattern:
        wanted = re.escape(pattern).replace(r"\(\.\*\)", ".*").replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
        return re.fullmatch(re.sub(r":\w+", "[^/]+", wanted), path) is not None
    begins = re.search(rf"\b{re.escape(name)}\b[^;]{{0,120}}startsWith\(", text)
    return path == pattern or (begins is not None and pattern != "/" and path.startswith(pattern))
