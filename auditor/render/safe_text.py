"""Text from a scanned repository, made safe to show: what would act on the reader's screen is spelt out.

An escape sequence can recolour or erase a terminal, a bidi override can make code read other than it runs.
Both stay in the report as visible text, because that they were there is evidence.
"""

from __future__ import annotations

import re

# C0 without tab and newline, DEL and C1; the bidi controls; characters of no width that hide in names; the
# separators that a browser or an editor takes for a line end; tag characters; lone surrogates, which no
# encoder accepts. The joiners U+200C and U+200D stay: Persian and emoji need them.
_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f\ud800-\udfff]"
)
_LAST_CONTROL = 0x9F
# The words that say how much was cut are about this long themselves.
_WORTH_CUTTING = 24


def visible(text: str) -> str:
    r"""Spell out every acting character (`\x1b`, `U+202E`); newlines and tabs stay."""
    return _ACTING.sub(_spell, text)


def one_line(text: str) -> str:
    """Like `visible`, for a place that holds one line only: a newline is spelt out too."""
    return visible(text).replace("\n", "\\n").replace("\t", " ")


def clip(text: str, limit: int = 400) -> str:
    """Cut the text to `limit` characters: one line of minified code must not fill the report."""
    return text if len(text) <= limit + _WORTH_CUTTING else f"{text[:limit]} … ({len(text) - limit} more characters)"


def _spell(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] == "\r":
        return "\\r"
    return f"\\x{code:02x}" if code <= _LAST_CONTROL else f"U+{code:04X}"
