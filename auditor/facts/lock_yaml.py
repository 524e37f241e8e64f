"""The part of YAML that pnpm and yarn write, by lines: their layout is fixed, a YAML library takes seconds for a
megabyte, and aliases, which could unfold without end, are not honoured.
"""

from __future__ import annotations

import re
from typing import Any

from auditor.facts.lock_graph import LockfileError

_BLOCK = re.compile(r"[|>][+-]?\d?")
_PAIR = re.compile(r"""\s*("[^"]*"|'[^']*'|[^\s,:{}]+)\s*:\s*("[^"]*"|'[^']*'|\[[^\]]*\]|[^,{}]*?)\s*(?:,|$)""")
_MAX_DEPTH = 40
_MAX_FLOW = 20_000
LINE = "\0line"  # the key under which a table holds the number of its line


def read_yaml(text: str, *, sections: frozenset[str] = frozenset(), loose: bool = False) -> dict[str, Any]:
    """Nested tables; values are strings, flow mappings tables. `sections` are the only ones at the top that matter,
    `loose` takes yarn's first format, whose values follow their key without a colon.
    """
    root: dict[str, Any] = {}
    stack: list[tuple[int, dict[str, Any]]] = [(-1, root)]
    open_key: tuple[int, dict[str, Any], str] | None = None  # a key without a value: what is deeper belongs to it
    skipping = False
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.strip()
        if not plain or plain.startswith("#") or plain == "---":
            continue
        indent = len(line) - len(line.lstrip(" "))
        if indent == 0:
            skipping = bool(sections) and plain.split(":")[0].strip("'\"") not in sections
        if skipping:
            continue
        if open_key and indent > open_key[0]:
            if plain.startswith("- ") or isinstance(open_key[1][open_key[2]], str):
                _take(open_key, plain)
                continue
            child: dict[str, Any] = {LINE: open_key[1].get(LINE, number)}
            open_key[1][open_key[2]] = child | (open_key[1][open_key[2]] or {})
            stack.append((open_key[0], open_key[1][open_key[2]]))
        elif open_key and indent == open_key[0] and plain.startswith("- "):
            _take(open_key, plain)
            continue
        while stack[-1][0] >= indent:
            stack.pop()
        if len(stack) > _MAX_DEPTH:
            raise LockfileError(f"nested too deep at line {number}")
        open_key = _entry(stack[-1][1], line, number, indent, loose=loose)
    return root


def _take(open_key: tuple[int, dict[str, Any], str], plain: str) -> None:
    """One more line of a block of text, or one more item of a list."""
    _, holder, key = open_key
    value = holder[key]
    if plain.startswith("- ") and not isinstance(value, str):
        holder[key] = [*value, unquoted(plain[2:])] if isinstance(value, list) else [unquoted(plain[2:])]
    elif isinstance(value, str):
        holder[key] = f"{value} {plain}".strip()[:500]


def _entry(
    holder: dict[str, Any], line: str, number: int, indent: int, *, loose: bool
) -> tuple[int, dict[str, Any], str] | None:
    key, value = _split(line, number, loose=loose)
    if value is None or _BLOCK.fullmatch(value):
        holder[key] = {LINE: number} if value is None else ""
        return indent, holder, key
    value = re.sub(r"(?<=[}\"'\]])\s+#.*$", "", value)  # a comment
    holder[key] = _flow(value, number) if value.startswith("{") else unquoted(value)
    # A long plain or quoted text goes on in deeper lines.
    return (indent, holder, key) if isinstance(holder[key], str) and not value.endswith(("'", '"', "]")) else None


def _split(line: str, number: int, *, loose: bool) -> tuple[str, str | None]:
    plain = line.strip().removeprefix("? ")
    if plain[0] in "\"'":
        end = _closing(plain)
        key, rest = unquoted(plain[: end + 1]), plain[end + 1 :]
    else:
        match = re.search(r":(?:\s|$)", plain)
        blank = plain.find(" ")
        if loose and not plain.endswith(":") and blank > 0 and (match is None or blank < match.start()):
            return plain[:blank], plain[blank + 1 :].strip()
        if match is None:
            raise LockfileError(f"line {number} cannot be read")
        key, rest = plain[: match.start()], plain[match.start() :]
    if loose and rest.endswith(":") and rest != ":":  # yarn's first format: several specs before one colon
        return plain.removesuffix(":"), None
    if rest.startswith(":"):
        value = rest[1:].strip()
        return key, value or None
    if loose and rest.strip():
        return key, rest.strip()
    raise LockfileError(f"line {number} cannot be read")


def _closing(text: str) -> int:
    match = re.match(r'"(?:[^"\\]|\\.)*"' if text[0] == '"' else r"'(?:[^']|'')*'", text)
    if match is None:
        raise LockfileError("a quoted text does not end")
    return match.end() - 1


def _flow(text: str, number: int) -> dict[str, Any]:
    if not text.endswith("}") or len(text) > _MAX_FLOW:
        raise LockfileError(f"line {number} cannot be read")
    return {LINE: number} | {unquoted(m[1]): unquoted(m[2]) for m in _PAIR.finditer(text[1:-1])}


def unquoted(text: str) -> str:
    """A scalar without its quotes; escapes do not occur in names and versions and are left as they are."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1].replace('\\"', '"')
    return text
